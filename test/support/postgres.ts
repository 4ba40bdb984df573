import { startEmbeddedPostgres } from '../../demo/embedded-postgres.ts';

/** A PostgreSQL for the run, with room for the connections of many processes. */
export async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const postgres = await startEmbeddedPostgres({ prefix: 'rolecall-test-', settings: ['max_connections=300'] });
  return { url: postgres.url, stop: async () => postgres[Symbol.asyncDispose]() };
}
