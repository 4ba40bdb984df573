import { releaseLostClients } from './release-lost-clients.ts';

/** No statement of rolecall takes seconds: what lasts longer hangs, and a worker that hangs is worse than one that retries. */
const TIMEOUTS = {
  connectionTimeoutMillis: 5_000,
  statement_timeout: 30_000,
  idle_in_transaction_session_timeout: 45_000, // a process that freezes, or vanishes, lets go of its locks
  query_timeout: 35_000, // also when the server is gone without a word
  keepAlive: true,
  application_name: 'rolecall',
} as const;

/**
 * What the driver needs beside MikroORM's own settings. The whole URL again, as MikroORM takes host, user and database out
 * of it and drops the rest: with `?sslmode=require` it would connect in the clear.
 */
export function postgresOptions(url: string) {
  return { ...TIMEOUTS, connectionString: url, onPoolCreated: releaseLostClients };
}
