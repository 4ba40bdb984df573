import { Redis } from 'ioredis';
import { expect, inject } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
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

/** As a restart or a failover does it. */
async function dropConnections(databaseUrl: string): Promise<void> {
  await execute(
    withDatabase(databaseUrl, 'postgres'),
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
    [new URL(databaseUrl).pathname.slice(1)],
  );
}
