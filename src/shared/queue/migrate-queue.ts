import { DEFAULT_SCHEMA, runMigrations, type PgQueryable } from 'bullmq';

/** BullMQ's own schema, where the queue lives in PostgreSQL. Again, or by many at once: BullMQ takes a lock. */
export async function migrateQueue(client: PgQueryable): Promise<void> {
  await runMigrations(client, DEFAULT_SCHEMA);
}
