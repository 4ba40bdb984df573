import type { Backend, Bench } from '../support/bench.ts';
import { openDeployment, seedsPerSecond } from '../support/deployment.ts';
import { requestsIn } from '../support/emulator-process.ts';
import type { Platform } from '../support/platform.ts';
import { median, repeat, secondsOf } from '../support/statistics.ts';
import { UNLIMITED } from '../support/tenants.ts';

const SEEDS = 10_000;
const CONCURRENCY = 200; // the most a worker takes: the larger the batches, the less each seed costs
const MANIFEST = {
  name: 'flip',
  tenants: [{ id: 'flip', seeds: SEEDS, users: SEEDS, requestsPerSecond: UNLIMITED }],
};

/** Cognito costs next to nothing here: what is left is what one seed costs the queue and the database. */
export const scanThroughput: Bench = {
  name: 'scan-throughput',
  description: '10,000 seeds, no latency, unlimited budget, a scan, one worker, concurrency 200 (median of three)',
  baseline: 'a BullMQ worker whose processor does nothing, on the same jobs, concurrency 200 (median of three)',
  unit: '/s',
  target: { kind: 'at least', ratio: 0.2 },
  backends: ['redis'],
  async run(platform, backend) {
    const pairs = await repeat(3, async () => ({
      empty: await emptyJobsPerSecond(platform, backend),
      ours: await scannedSeedsPerSecond(platform, backend),
    }));
    const measured = median(pairs.map(({ ours }) => ours.rate));
    const against = median(pairs.map(({ empty }) => empty));
    const requests = median(pairs.map(({ ours }) => ours.requests));
    return [{ case: '', measured, against, details: { requests } }];
  },
};

async function scannedSeedsPerSecond(platform: Platform, backend: Backend) {
  await using deployment = await openDeployment(platform, backend, { latencyMs: 0, quota: 'none' });
  await deployment.prepare(MANIFEST);
  const rate = await seedsPerSecond(deployment, MANIFEST, { count: 1, concurrency: CONCURRENCY });
  return { rate, requests: requestsIn(await deployment.cognito.counts()) };
}

async function emptyJobsPerSecond(platform: Platform, backend: Backend): Promise<number> {
  await using deployment = await openDeployment(platform, backend, { latencyMs: 0, quota: 'none' });
  const { prepare, produce, queue, startBaseline } = deployment;
  await prepare(MANIFEST);
  await queue.pause();
  await produce(MANIFEST.name);
  const worker = startBaseline('empty-worker.ts', { seeds: SEEDS, concurrency: CONCURRENCY });
  await worker.receive();
  const seconds = await secondsOf(async () => {
    worker.send('go');
    const done = worker.receive();
    await queue.resume();
    await done;
  });
  return SEEDS / seconds;
}
