import { expect, inject } from 'vitest';
import { createLogger } from '#shared/runtime/logger.ts';
import { createSeedConsumer, startConsuming, stopConsuming } from '../../src/worker/consume.ts';
import { failed } from '../../src/worker/outcome.ts';
import { grantsIn, statesOf, untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { startRedis } from '../support/redis.ts';
import { describeOnBothPlatforms, platformTest } from '../support/worker.ts';

const EMAIL = 'ada@example.org';
const sketch = { tenants: [{ seeds: [EMAIL] }] };

describeOnBothPlatforms('a worker that is asked to stop', (queueTest) => {
  queueTest(
    'finishes what it has begun, and takes nothing new',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: [{ email: EMAIL }, { email: 'bob@example.org' }] });
      cognito.setLatency(1_000);
      await produce({ tenants: [{ seeds: [EMAIL, 'bob@example.org'] }] }, 'v1');
      const worker = await work({ ROLECALL_CONCURRENCY: '1' });
      await expect.poll(() => cognito.counts.calls.ListUsers).toBe(1);

      await worker[Symbol.asyncDispose]();

      expect(await statesOf(databaseUrl)).toEqual({ [EMAIL]: 'granted', 'bob@example.org': 'pending' });
      expect(await queue.getJobCounts('active', 'completed', 'prioritized')).toEqual({
        active: 0,
        completed: 1,
        prioritized: 1,
      });
    },
  );

  queueTest(
    'leaves when its time is up, and another worker takes over what it could not finish',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });
      cognito.setFault({ kind: 'hang' });
      await produce(sketch, 'v1');
      const worker = await work({ ROLECALL_SHUTDOWN_TIMEOUT_MS: '200' });
      await expect.poll(() => cognito.counts.calls.ListUsers).toBe(1);

      const asked = performance.now();
      await worker[Symbol.asyncDispose]();
      expect(performance.now() - asked).toBeLessThan(3_000);

      expect(await queue.getJobCounts('active', 'delayed')).toEqual({ active: 0, delayed: 1 });
      expect(await statesOf(databaseUrl)).toEqual({ [EMAIL]: 'retrying: timeout' });
      cognito.clearFaults();
      await work();
      await untilStates(databaseUrl, { [EMAIL]: 'granted' });
      expect(await grantsIn(databaseUrl)).toHaveLength(1);
    },
  );

  queueTest('leaves a job that does not even end when it is told to', async ({ produce, queue, target }) => {
    await produce(sketch, 'v1');
    const log = createLogger('silent');
    const worker = createSeedConsumer({
      target,
      concurrency: 1,
      timing: { backoff: { baseMs: 1, capMs: 1, random: Math.random }, recheckMs: 1, waitMs: 1 },
      handle: () => new Promise(() => {}),
      unforeseen: (error) => failed('unexpected', error),
      record: async () => true,
      park: async () => {},
      settled: () => {},
      now: Date.now,
      log,
    });
    startConsuming(worker, log);
    await expect.poll(() => queue.getActiveCount()).toBe(1);

    const asked = performance.now();
    await stopConsuming(worker, 200);
    expect(performance.now() - asked).toBeLessThan(3_000);
    expect(await queue.getActiveCount()).toBe(1); // its lock expires, and another worker takes it up
  });
});

platformTest.skipIf(inject('redisUrl') === null)(
  'a worker whose Redis went away leaves in time',
  async ({ produce, work }) => {
    const redis = await startRedis();
    if (redis === null) throw new Error('there was one a moment ago');
    const away = { REDIS_URL: redis.url, ROLECALL_SHUTDOWN_TIMEOUT_MS: '200' };
    await produce(sketch, 'v1', away);
    const worker = await work(away);
    await redis.stop();

    const asked = performance.now();
    await worker[Symbol.asyncDispose]();
    expect(performance.now() - asked).toBeLessThan(10_000);
  },
);
