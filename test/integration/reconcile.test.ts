import { Redis } from 'ioredis';
import { expect, inject } from 'vitest';
import { QUEUE_PREFIX, SEED_QUEUE } from '#shared/contract/seed-job.ts';
import { openQueue, type SeedQueue } from '#shared/queue/open-queue.ts';
import { RedisUrl } from '#shared/queue/queue-target.ts';
import { reconcile } from '../../src/worker/upkeep/reconcile.ts';
import { completedJobs, failedJobs as failJobs } from '../support/failed-jobs.ts';
import { failedJobs, statesOf, untilCounts, untilStates } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { flush } from '../support/queue.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const EMAIL = 'ada@example.org';
const sketch = { tenants: [{ seeds: [EMAIL] }] };

/** Work that was touched a moment ago is left alone, so a test makes it look old. */
const age = (databaseUrl: string) =>
  execute(databaseUrl, `update rolecall.seed set updated_at = updated_at - interval '11 seconds'`);
const removeJobs = async (queue: SeedQueue) => {
  for (const id of await queue.getRanges(['prioritized'])) await queue.remove(id);
};

describeOnBothPlatforms('the reconciler', (queueTest) => {
  queueTest('adds a job that the queue has lost', async ({ produce, ledger, queue, databaseUrl }) => {
    await produce(sketch, 'v1');
    await removeJobs(queue);
    expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 0, retried: 0 }); // the producer may be at it still
    await age(databaseUrl);
    expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 1, retried: 0 });
    expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 1 });
    expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 0, retried: 0 });
  });

  queueTest(
    'retries a job that failed although its seed has no verdict',
    async ({ produce, ledger, queue, target, databaseUrl }) => {
      await produce(sketch, 'v1');
      await failJobs(target, queue, await recordedSeeds(ledger));
      await age(databaseUrl);
      expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 0, retried: 1 });
      expect(await failedJobs(queue)).toEqual([]);
    },
  );

  queueTest(
    'runs a job again that completed although its seed has no verdict',
    async ({ cognito, produce, work, ledger, queue, target, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });
      await produce(sketch, 'v1');
      await completedJobs(target, queue, await recordedSeeds(ledger));
      await age(databaseUrl);
      expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 0, retried: 1 });
      await work();
      await untilStates(databaseUrl, { [EMAIL]: 'granted' });
    },
  );

  queueTest(
    'leaves blocked seeds to the operator, and superseded ones alone',
    async ({ produce, ledger, queue, target, databaseUrl }) => {
      await produce({ tenants: [{ seeds: people(2) }] }, 'v1');
      await removeJobs(queue);
      await produce(sketch, 'v2');
      await failJobs(target, queue, await recordedSeeds(ledger));
      await execute(
        databaseUrl,
        `update rolecall.seed set state = 'blocked', reason = 'user-missing' where state = 'pending'`,
      );
      await age(databaseUrl);
      expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 0, retried: 0 });
      expect(await failedJobs(queue)).toEqual(['user-missing']);
      expect(await statesOf(databaseUrl)).toEqual({ [EMAIL]: 'blocked: user-missing' });
    },
  );

  queueTest(
    'does not replay a seed that is blocked at this very moment',
    async ({ produce, ledger, queue, target, databaseUrl }) => {
      await produce(sketch, 'v1');
      await age(databaseUrl);
      const whileBlocking = new Proxy(queue, {
        get(real, property: keyof SeedQueue) {
          if (property !== 'getJobState') return real[property];
          return async (id: string) => {
            await execute(databaseUrl, `update rolecall.seed set state = 'blocked', reason = 'user-missing'`);
            await failJobs(target, queue, await recordedSeeds(ledger));
            return real.getJobState(id);
          };
        },
      });
      expect(await reconcile(ledger.em.fork(), whileBlocking)).toEqual({ added: 0, retried: 0 });
      expect(await failedJobs(queue)).toEqual(['user-missing']);
    },
  );

  queueTest('adds 2,500 lost jobs, by pages', async ({ produce, ledger, queue, databaseUrl }) => {
    await produce({ tenants: [{ seeds: people(2_500) }] }, 'v1');
    await queue.obliterate({ force: true });
    await age(databaseUrl);
    expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 2_500, retried: 0 });
    await untilCounts(databaseUrl, { pending: 2_500 });
  });
});

test('of two reconcilers at once, one works and the other leaves', async ({ produce, ledger, queue, databaseUrl }) => {
  await produce(sketch, 'v1');
  await removeJobs(queue);
  await age(databaseUrl);
  const inside = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const slow = new Proxy(queue, {
    get(real, property: keyof SeedQueue) {
      if (property !== 'getJobState') return real[property];
      return async (id: string) => {
        inside.resolve();
        await goOn.promise;
        return real.getJobState(id);
      };
    },
  });
  const first = reconcile(ledger.em.fork(), slow);
  await inside.promise;
  const second = await reconcile(ledger.em.fork(), queue);
  goOn.resolve();
  expect([await first, second]).toEqual([{ added: 1, retried: 0 }, null]);
});

test.skipIf(inject('redisUrl') === null)(
  'a job of which Redis kept a part is added anew',
  async ({ produce, ledger, databaseUrl }) => {
    const REDIS_URL = `${inject('redisUrl')}/15`; // of no other test
    await flush(REDIS_URL);
    await using queue = openQueue(RedisUrl.parse(REDIS_URL));
    await produce(sketch, 'v1', { REDIS_URL });
    const client = new Redis(REDIS_URL);
    await client.del(`${QUEUE_PREFIX}:${SEED_QUEUE}:prioritized`);
    client.disconnect();
    await age(databaseUrl);

    expect(await reconcile(ledger.em.fork(), queue)).toEqual({ added: 1, retried: 0 });

    expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 1 });
    await flush(REDIS_URL);
  },
);
