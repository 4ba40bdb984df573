import { Redis } from 'ioredis';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { startEmbeddedPostgres } from '../../demo/embedded-postgres.ts';
import { databaseTest } from '../support/database.ts';
import { auditOf, countStates, failedJobs, grantsIn, keepHistory, untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { describeOnBothPlatforms, platformOn } from '../support/worker.ts';

const SEEDS = 200;
const users = people(SEEDS).map((email) => ({ email }));
const sketch = { tenants: [{ seeds: people(SEEDS) }] };

databaseTest('a connection that drops inside a transaction goes back to the pool', async ({ databaseUrl }) => {
  const ledger = await openLedger({ url: databaseUrl, maxConnections: 1 });
  for (const _ of [1, 2]) {
    const lost = ledger.em.fork().transactional(async (tx) => {
      await dropConnections(databaseUrl);
      await tx.execute('select 1');
    });
    await expect(lost).rejects.toThrow(/terminat|connection error/);
    expect(await ledger.em.fork().execute('select 1 as alive')).toEqual([{ alive: 1 }]);
  }
  await ledger.close(true);
});

describeOnBothPlatforms('PostgreSQL that drops every connection in the middle of a run', (queueTest) => {
  queueTest(
    'delays the seeds, blocks none, and makes no grant twice',
    { timeout: 90_000 },
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      cognito.addPool({ id: POOL, users });
      cognito.setLatency(100);
      const history = await keepHistory(databaseUrl);
      await produce(sketch, 'v1');
      await work();
      for (const granted of [20, 70, 120]) {
        await expect.poll(async () => (await countStates(databaseUrl))['granted'] ?? 0).toBeGreaterThan(granted);
        await dropConnections(databaseUrl);
      }
      await untilCounts(databaseUrl, { granted: SEEDS }, 60_000);

      expect(await grantsIn(databaseUrl)).toHaveLength(SEEDS);
      expect(await auditOf(databaseUrl)).toEqual(await grantsIn(databaseUrl));
      expect(
        Object.values(await history())
          .flat()
          .filter((state) => state.startsWith('blocked')),
      ).toEqual([]);
      await expect.poll(() => failedJobs(queue), { timeout: 30_000 }).toEqual([]);
    },
  );

  queueTest('costs an idle worker nothing', async ({ cognito, produce, work, databaseUrl }) => {
    cognito.addPool({ id: POOL, users });
    await produce({ tenants: [{ seeds: people(1) }] }, 'v1');
    await work();
    await untilCounts(databaseUrl, { granted: 1 });
    await dropConnections(databaseUrl);
    await produce({ tenants: [{ seeds: people(2) }] }, 'v2');
    await untilCounts(databaseUrl, { granted: 2 });
  });
});

platformOn('redis').skipIf(inject('redisUrl') === null)(
  'a Redis that is flushed in the middle of a run gets its jobs back, without a hand',
  { timeout: 90_000 },
  async ({ cognito, produce, work, redisUrl, databaseUrl }) => {
    cognito.addPool({ id: POOL, users });
    cognito.setLatency(100);
    await produce(sketch, 'v1');
    await work();
    await expect.poll(async () => (await countStates(databaseUrl))['granted'] ?? 0).toBeGreaterThan(20);
    const redis = new Redis(redisUrl ?? '');
    await redis.flushdb();
    redis.disconnect();
    expect((await countStates(databaseUrl))['pending']).toBeGreaterThan(50);

    await untilCounts(databaseUrl, { granted: SEEDS }, 60_000);
    expect(await grantsIn(databaseUrl)).toHaveLength(SEEDS);
    expect(await auditOf(databaseUrl)).toEqual(await grantsIn(databaseUrl));
  },
);

platformOn('postgres')(
  'a PostgreSQL that crashes in the middle of a run: what it forgot of the queue is made up for',
  { timeout: 120_000 },
  async ({ cognito, produce, work }) => {
    await using server = await startEmbeddedPostgres({ prefix: 'rolecall-test-', settings: ['wal_writer_delay=10s'] });
    const { url: DATABASE_URL } = server;
    cognito.addPool({ id: POOL, users });
    cognito.setLatency(100);
    await produce(sketch, 'v1', { DATABASE_URL });
    const history = await keepHistory(DATABASE_URL);
    await work({ DATABASE_URL });
    for (const granted of [20, 100]) {
      await expect.poll(async () => (await countStates(DATABASE_URL))['granted'] ?? 0).toBeGreaterThan(granted);
      await crash(DATABASE_URL);
    }
    await untilCounts(DATABASE_URL, { granted: SEEDS }, 90_000);

    expect(await grantsIn(DATABASE_URL)).toHaveLength(SEEDS);
    expect(await auditOf(DATABASE_URL)).toEqual(await grantsIn(DATABASE_URL));
    expect(
      Object.values(await history())
        .flat()
        .filter((state) => state.startsWith('blocked')),
    ).toEqual([]);
    const jobs = () => execute(DATABASE_URL, 'select state, count(*)::int from bullmq.job group by state');
    await expect.poll(jobs, { timeout: 60_000 }).toEqual([{ state: 'completed', count: SEEDS }]);
  },
);

/** One process of it that is killed takes all others along; it recovers by what it wrote of its log, and goes on. */
async function crash(databaseUrl: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  client.on('error', () => {}); // it is the one that is killed
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
  await expect
    .poll(() => execute(databaseUrl, 'select 1 as alive').catch(() => []), { timeout: 20_000 })
    .toEqual([{ alive: 1 }]);
}

/** As a restart or a failover does it. */
async function dropConnections(databaseUrl: string): Promise<void> {
  await execute(
    withDatabase(databaseUrl, 'postgres'),
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
    [new URL(databaseUrl).pathname.slice(1)],
  );
}
