import { BACKENDS, type Bench } from '../support/bench.ts';
import { openDeployment, secondsOfRelease } from '../support/deployment.ts';
import { requestsIn, throttlesIn } from '../support/emulator-process.ts';
import { secondsOf } from '../support/statistics.ts';

const SEEDS = 500;
const TENANT = { id: 'flip', seeds: SEEDS, users: 600 };

/** Most of a pool is wanted: reading it from end to end takes ten requests. */
export const smallPoolScan: Bench = {
  name: 'small-pool-scan',
  description: '500 seeds, a pool of 600, 100 ms latency, 30 requests/s enforced, one worker',
  baseline: 'a sequential loop: per seed a filtered ListUsers, a select and an insert',
  unit: '/s',
  target: { kind: 'at least', ratio: 15 },
  backends: BACKENDS,
  async run(platform, backend) {
    await using deployment = await openDeployment(platform, backend, { latencyMs: 100, quota: 'enforced' });
    const { cognito, prepare, startWorkers, startBaseline } = deployment;
    const manifest = { name: 'flip', tenants: [TENANT] };
    await prepare(manifest);
    await startWorkers(1);

    const seconds = await secondsOfRelease(deployment, manifest);
    const counts = await cognito.counts();
    const loop = { endpoint: cognito.url, tenant: TENANT.id, seeds: SEEDS };
    const sequentialSeconds = await secondsOf(() => startBaseline('sequential-loop.ts', loop).finished());
    return [
      {
        case: '',
        measured: SEEDS / seconds,
        against: SEEDS / sequentialSeconds,
        limits: [{ of: 'Cognito requests', value: requestsIn(counts), atMost: 15 }],
        details: { seconds, sequentialSeconds, throttled: throttlesIn(counts) },
      },
    ];
  },
};
