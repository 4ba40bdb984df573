import type { Pool, PoolClient } from 'pg';

/** Whoever holds a client learns that it was lost by its query, and has given it back by then. */
const GIVE_BACK_WITHIN_MS = 1_000;

/**
 * Gives lost connections back to the pool. A connection that drops inside a transaction stays checked out for ever, since
 * the roll back fails as well and Kysely releases a client only after one (kysely: ControlledTransaction). A few restarts
 * of PostgreSQL would use up the pool of a worker, and closing the pool would wait for it without end.
 */
export function releaseLostClients(pool: Pool): void {
  const held = new Set<PoolClient>();
  pool.on('acquire', (client) => held.add(client));
  pool.on('release', (_, client) => held.delete(client as PoolClient)); // it was one when it was acquired
  pool.on('connect', (client) => {
    client.once('end', () => {
      setTimeout(() => held.has(client) && client.release(true), GIVE_BACK_WITHIN_MS).unref();
    });
  });
}
