import pg from 'pg';
import { expect, vi } from 'vitest';
import { askQueue, createSeedWorker, openQueue } from '#shared/queue/open-queue.ts';
import { openQueuePool } from '#shared/queue/queue-pool.ts';
import { databaseTest as test } from '../support/database.ts';
import { startDyingProxy } from '../support/database-proxy.ts';

const WITHIN = { timeout: 10_000 }; // a second is little on a busy machine

test('what BullMQ asks again and again is prepared once, in its own schema', async ({ databaseUrl }) => {
  await using opened = new AsyncDisposableStack();
  const pool = openQueuePool({ url: databaseUrl, max: 1 });
  opened.defer(() => pool.end());
  const count = (state: string) =>
    pool.query('SELECT count(*)::int AS n FROM job WHERE state = $1::job_state', [state]);

  for (const state of ['waiting', 'failed', 'active']) expect((await count(state)).rows).toEqual([{ n: 0 }]);

  const client = await pool.connect();
  const { rows } = await client.query('select name, generic_plans + custom_plans as runs from pg_prepared_statements');
  client.release();
  expect(rows).toEqual([{ name: expect.stringMatching(/^bullmq_[\w-]{22}$/), runs: '3' }]);
});

test('options of the URL are kept beside those of the queue', async ({ databaseUrl }) => {
  await using opened = new AsyncDisposableStack();
  const pool = openQueuePool({
    url: `${databaseUrl}?options=${encodeURIComponent('-c statement_timeout=60s -c default_transaction_isolation=serializable')}`,
    max: 1,
  });
  opened.defer(() => pool.end());

  const { rows } = await pool.query(
    `select current_schema() as schema, current_setting('statement_timeout') as timeout, current_setting('transaction_isolation') as isolation`,
  );

  expect(rows).toEqual([{ schema: 'bullmq', timeout: '1min', isolation: 'read committed' }]);
});

test('a worker waits for no disk, whoever else asks the queue does', async ({ databaseUrl }) => {
  await using opened = new AsyncDisposableStack();
  const commitsOf = async (ofWorker: boolean) => {
    const pool = openQueuePool({ url: databaseUrl, max: 1, ofWorker });
    opened.defer(() => pool.end());
    return (await pool.query('show synchronous_commit')).rows;
  };

  expect(await commitsOf(true)).toEqual([{ synchronous_commit: 'off' }]);
  expect(await commitsOf(false)).toEqual([{ synchronous_commit: 'on' }]);
});

test('jobs of a worker notify nobody of their events', async ({ databaseUrl }) => {
  await using opened = new AsyncDisposableStack();
  const target = { kind: 'postgres', url: databaseUrl } as const;
  const queue = opened.use(openQueue(target));
  const heard: string[] = [];
  const listener = new pg.Client(databaseUrl);
  await listener.connect();
  opened.defer(() => listener.end());
  listener.on('notification', ({ channel }) => void heard.push(channel));
  await listener.query('listen bullmq_events; listen bullmq_jobs');
  const done: string[] = [];
  const worker = createSeedWorker(target, async ({ id = '' }) => String(done.push(id)), { concurrency: 3 });
  opened.defer(() => worker.close());
  await vi.waitUntil(async () => (await locksOn(listener)) >= 2, WITHIN); // its own connections alone keep it silent

  for (const id of ['a', 'b', 'c']) await queue.add('seed', {}, { jobId: id });

  await vi.waitUntil(async () => (await queue.getCompletedCount()) === 3, WITHIN);
  await listener.query('select'); // what was sent before has come by now
  expect(heard).toContain('bullmq_jobs');
  expect(heard).not.toContain('bullmq_events');
});

test('a server that shuts down while the queue is opened fails what is asked, and crashes nothing', async ({
  databaseUrl,
}) => {
  const crash = vi.fn<() => void>();
  process.prependOnceListener('uncaughtException', crash);
  await using dying = await startDyingProxy(databaseUrl);
  await using queue = openQueue({ kind: 'postgres', url: dying.url });

  await expect(askQueue(queue)).rejects.toThrow('is not queryable');

  process.off('uncaughtException', crash);
  expect(crash).not.toHaveBeenCalled();
});

async function locksOn(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ locks: number }>(
    `select count(*)::int as locks from pg_locks
     where locktype = 'advisory' and mode = 'ShareLock' and granted
       and database = (select oid from pg_database where datname = current_database())`, // other tests' workers have theirs
  );
  return rows[0]?.locks ?? 0;
}
