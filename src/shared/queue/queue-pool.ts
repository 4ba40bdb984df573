import { DEFAULT_SCHEMA, type PgPool } from 'bullmq';
import { Pool } from 'pg';
import { SEED_QUEUE } from '#shared/contract/seed-job.ts';
import { prepareStatements } from '#shared/postgres/prepare-statements.ts';

export interface QueuePoolOptions {
  readonly url: string;
  readonly max: number;
  /** See SILENCE and UNHURRIED. */
  readonly ofWorker?: boolean;
}

/** BullMQ has a hundred commands or so, each a constant text; a worker uses a dozen of them. */
const MOST_PREPARED = 40;

/**
 * BullMQ notifies of each job's events unless another session holds this lock at that moment: readers of events poll as well
 * (publish_event in bullmq/dist/esm/postgres/sql-scripts.js). PostgreSQL wakes every connection that listens to anything for
 * each of these notifications, so with some workers they cost as much as a job, and here nobody reads events. Workers hold
 * it together. What tells workers of new jobs does not depend on it.
 */
const SILENCE = `select pg_advisory_lock_shared(hashtext('bullmq:evnotify:${SEED_QUEUE}'))`;

/**
 * A worker does not wait for the disk, which it would for each step of a job. When PostgreSQL crashes, the queue may forget the
 * last moments (synchronous_commit), and jobs seem to be under way still: they are taken up again once their locks expire, as
 * those of a worker that died, and find in the ledger what became of them.
 */
const UNHURRIED = '-c synchronous_commit=off';

/** What BullMQ asks PostgreSQL with, in place of a pool of its own, so that its statements are prepared. The caller ends it. */
export function openQueuePool({ url, max, ofWorker = false }: QueuePoolOptions): PgPool {
  const pool = new Pool({
    ...withOptions(url, ofWorker ? [...IN_SCHEMA, UNHURRIED] : IN_SCHEMA),
    max,
    connectionTimeoutMillis: 5_000,
    keepAlive: true, // or BullMQ polls every ten seconds, for fear that its LISTEN was lost without a word
    application_name: 'rolecall-queue',
    ...(ofWorker && { onConnect: async (client) => void (await client.query(SILENCE)) }),
  });
  // What fails is told by the statement that fails. Without listeners, also on clients that BullMQ has taken, a server that
  // shuts down would crash the process.
  pool.on('error', ignore).on('connect', (client) => void client.on('error', ignore));
  const run = prepareStatements(pool, { prefix: 'bullmq', most: MOST_PREPARED });
  const query = (text: string, values: readonly unknown[] = []) => run({ text, values });
  return Object.assign(pool, { query }) as unknown as PgPool; // as any real one is, but for overloads that TypeScript cannot match
}

function ignore(): void {}

/** As BullMQ's own pools have it. Its functions count on READ COMMITTED, whatever the database's default is. */
const IN_SCHEMA = [`-c search_path=${DEFAULT_SCHEMA}`, '-c default_transaction_isolation=read\\ committed'];

/** The URL may have options too, and to the driver those are all there are. */
function withOptions(
  url: string,
  ours: readonly string[],
): { readonly connectionString: string; readonly options: string } {
  const parsed = new URL(url);
  const theirs = parsed.searchParams.get('options');
  if (theirs === null) return { connectionString: url, options: ours.join(' ') };
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options: [theirs, ...ours].join(' ') };
}
