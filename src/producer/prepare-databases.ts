import { RefusedError, UnreachableError, waitUntilReachable } from '#shared/runtime/wait-until-reachable.ts';
import { fewAtOnce } from './few-at-once.ts';
import { askPostgres, migrate, type ManagedSchema, type MigrateOptions } from './migrate.ts';
import type { ProducerConfig } from './producer-config.ts';

/** How long to wait for what starts beside us. Longer would look like hanging. */
export const BOOT_BOUND_MS = 10_000;

/** A database of some tenants that nobody could ask: what it lacks for this manifest was not added. */
export interface DatabaseAway {
  /** The variable that holds its URL. */
  readonly databaseUrlEnv: string;
  readonly problem: string;
}

export interface PrepareOptions extends Pick<MigrateOptions, 'managed' | 'roles'> {
  readonly config: ProducerConfig;
  readonly signal: AbortSignal;
}

/**
 * Waits for every database, then migrates. Without the ledger nothing goes on. A tenant's own database that is away holds up
 * nobody else: its seeds are tried again until it is back, as in any outage. One that refuses us is a mistake, which this
 * release would not survive, and is told before anything is changed.
 */
export async function prepareDatabases({ config, managed, roles, signal }: PrepareOptions): Promise<DatabaseAway[]> {
  const { ledgerUrl, queue } = config;
  const until = Date.now() + BOOT_BOUND_MS; // for all of them, as they are away together
  const waitFor = (url: string, databaseUrlEnv: string) =>
    waitUntilReachable(() => askPostgres(url), {
      what: `PostgreSQL (${databaseUrlEnv})`,
      boundMs: Math.max(0, until - Date.now()),
      signal,
    });
  await waitFor(ledgerUrl, 'DATABASE_URL');

  const away = new Map<string, DatabaseAway>();
  const refusals = new Set<string>();
  const others = new Map(managed.map(({ url, databaseUrlEnv }) => [url, databaseUrlEnv]));
  others.delete(ledgerUrl);
  await fewAtOnce(others, ([url, databaseUrlEnv]) =>
    waitFor(url, databaseUrlEnv).catch((error: unknown) => {
      if (!(error instanceof UnreachableError)) throw error;
      if (error instanceof RefusedError) refusals.add(error.message);
      else away.set(url, { databaseUrlEnv, problem: error.message });
    }),
  );
  if (refusals.size > 0) throw new RefusedError([...refusals].toSorted().join('\n'));

  const present = (schema: ManagedSchema) => !away.has(schema.url);
  await migrate({ ledgerUrl, queue, managed: managed.filter(present), roles });
  return [...others.keys()].flatMap((url) => away.get(url) ?? []);
}
