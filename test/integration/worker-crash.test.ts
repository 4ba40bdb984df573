import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { auditOf, failedJobs, grantsIn, keepHistory, untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { AWS_KEY, describeOnBothPlatforms } from '../support/worker.ts';

const SEEDS = 300;
const CLI = fileURLToPath(new URL('../../src/rolecall.js', import.meta.url));

// One test on each backend, side by side: most of the time is waiting for locks to expire.
describeOnBothPlatforms('workers that are killed one after another', (queueTest) => {
  queueTest.concurrent(
    'grant every seed once, and block none',
    { timeout: 120_000 },
    async ({ cognito, env, produce, queue, databaseUrl, onTestFinished }) => {
      cognito.addPool({ id: POOL, users: people(SEEDS).map((email) => ({ email })) });
      cognito.setLatency(200); // so that every kill finds jobs at work
      const history = await keepHistory(databaseUrl);
      await produce({ tenants: [{ seeds: people(SEEDS) }] }, 'v1');
      const workers = new Set<ChildProcess>();
      onTestFinished(() => workers.forEach((worker) => worker.kill('SIGKILL')));
      const start = () => workers.add(startWorker({ ...env, ROLECALL_CONCURRENCY: '5' }));
      for (let n = 0; n < 4; n += 1) start();

      for (const granted of [20, 60, 100, 140]) {
        await expect
          .poll(async () => (await grantsIn(databaseUrl)).length, { timeout: 40_000 })
          .toBeGreaterThan(granted);
        const [victim] = workers;
        if (victim !== undefined) await killed(victim);
        workers.delete(victim as ChildProcess);
        start();
      }
      await untilCounts(databaseUrl, { granted: SEEDS }, 60_000);

      expect(await grantsIn(databaseUrl)).toHaveLength(SEEDS);
      expect(await auditOf(databaseUrl)).toEqual(await grantsIn(databaseUrl));
      expect(
        Object.values(await history())
          .flat()
          .filter((state) => state.startsWith('blocked')),
      ).toEqual([]);
      expect(await failedJobs(queue)).toEqual([]);
    },
  );
});

function startWorker(env: Env): ChildProcess {
  const { PATH } = process.env;
  return spawn(process.execPath, [CLI, 'work'], {
    stdio: 'ignore',
    env: { PATH, ...AWS_KEY, ...env, LOG_LEVEL: 'silent' },
  });
}

async function killed(worker: ChildProcess): Promise<void> {
  const gone = once(worker, 'exit');
  worker.kill('SIGKILL');
  await gone;
}
