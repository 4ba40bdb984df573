import { BACKENDS, type Backend, type Bench } from '../support/bench.ts';
import { openDeployment, secondsOfRelease } from '../support/deployment.ts';
import { throttlesIn } from '../support/emulator-process.ts';
import type { Platform } from '../support/platform.ts';
import { median, repeat } from '../support/statistics.ts';
import { inAccounts, releaseBefore, type TenantSketch } from '../support/tenants.ts';

/** Too many for a scan, so that each tenant takes as long as its budget says (by default 20/s): two seconds. */
const TENANTS = inAccounts(50, { seeds: 40, users: 200_000 });

/** Budgets of different accounts have nothing to do with each other. */
export const manyAccounts: Bench = {
  name: 'many-accounts',
  description:
    '50 tenants in 50 accounts × 40 seeds, pools of 200,000, 50 ms latency, 30 requests/s enforced, two workers',
  baseline: 'the slowest tenant alone (they are alike: median of three runs of one)',
  unit: 's',
  target: { kind: 'at most', ratio: 1.3 },
  backends: BACKENDS,
  async run(platform, backend) {
    const alone = await repeat(3, () => release(platform, backend, TENANTS.slice(0, 1)));
    const together = await release(platform, backend, TENANTS);
    const against = median(alone.map(({ seconds }) => seconds));
    return [{ case: '', measured: together.seconds, against, details: { throttled: together.throttled } }];
  },
};

async function release(platform: Platform, backend: Backend, tenants: readonly TenantSketch[]) {
  await using deployment = await openDeployment(platform, backend, { latencyMs: 50, quota: 'enforced' });
  const manifest = { name: 'many', tenants };
  const before = releaseBefore(tenants);
  await deployment.prepare(manifest);
  await deployment.prepare(before);
  await deployment.startWorkers(2, 50); // 1000 lookups a second take 50 at a time
  await secondsOfRelease(deployment, before);
  const seconds = await secondsOfRelease(deployment, manifest);
  return { seconds, throttled: throttlesIn(await deployment.cognito.counts()) };
}
