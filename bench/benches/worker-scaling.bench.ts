import { BACKENDS, type Backend, type Bench } from '../support/bench.ts';
import { openDeployment, seedsPerSecond } from '../support/deployment.ts';
import type { Platform } from '../support/platform.ts';
import { inAccounts, releaseBefore, UNLIMITED } from '../support/tenants.ts';

const TENANTS = inAccounts(40, { seeds: 100, users: 200_000, requestsPerSecond: UNLIMITED });
const MANIFEST = { name: 'many', tenants: TENANTS };

/** Bound by Cognito's latency, and by nothing that workers share. Each worker is equally warm, whether alone or one of four. */
export const workerScaling: Bench = {
  name: 'worker-scaling',
  description: 'four workers, concurrency 10 each, 50 ms latency: 40 tenants in 40 accounts × 100 seeds',
  baseline: 'one worker',
  unit: '/s',
  target: { kind: 'at least', ratio: 3.5 },
  backends: BACKENDS,
  async run(platform, backend) {
    const against = await rateOf(1, platform, backend);
    const measured = await rateOf(4, platform, backend);
    return [{ case: '', measured, against }];
  },
};

async function rateOf(count: number, platform: Platform, backend: Backend): Promise<number> {
  await using deployment = await openDeployment(platform, backend, { latencyMs: 50, quota: 'none' });
  await deployment.prepare(MANIFEST);
  const before = releaseBefore(TENANTS, count);
  await deployment.prepare(before);
  return await seedsPerSecond(deployment, MANIFEST, { count, concurrency: 10, before }); // before the deployment ends
}
