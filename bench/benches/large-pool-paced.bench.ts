import { BACKENDS, type Backend, type Bench, type Finding } from '../support/bench.ts';
import { openDeployment, secondsOfRelease } from '../support/deployment.ts';
import { requestsIn, throttlesIn } from '../support/emulator-process.ts';
import type { Platform } from '../support/platform.ts';

const SEEDS = 500;
const BUDGET_PER_SECOND = 20;
const TENANT = { id: 'flip', seeds: SEEDS, users: 200_000, requestsPerSecond: BUDGET_PER_SECOND };

/** Every seed costs a request, and requests are what is short. */
export const largePoolPaced: Bench = {
  name: 'large-pool-paced',
  description: '500 seeds, a pool of 200,000, 100 ms latency, a budget of 20/s, 30 requests/s enforced',
  baseline: "the budget's own limit: 500 / 20 s (arithmetic)",
  unit: 's',
  target: { kind: 'at most', ratio: 1.15 },
  backends: BACKENDS,
  async run(platform, backend) {
    return [await withWorkers(1, platform, backend), await withWorkers(4, platform, backend)];
  },
};

async function withWorkers(workers: number, platform: Platform, backend: Backend): Promise<Finding> {
  await using deployment = await openDeployment(platform, backend, { latencyMs: 100, quota: 'enforced' });
  const { cognito, prepare, startWorkers } = deployment;
  const manifest = { name: 'flip', tenants: [TENANT] };
  await prepare(manifest);
  await startWorkers(workers);

  const seconds = await secondsOfRelease(deployment, manifest);
  const counts = await cognito.counts();
  return {
    case: `${workers} worker${workers === 1 ? '' : 's'}`,
    measured: seconds,
    against: SEEDS / BUDGET_PER_SECOND,
    limits: [{ of: 'throttles', value: throttlesIn(counts), atMost: 0 }],
    details: { requests: requestsIn(counts) },
  };
}
