import { BACKENDS, type Bench } from '../support/bench.ts';
import { openDeployment, secondsOfRelease } from '../support/deployment.ts';
import { throttlesIn } from '../support/emulator-process.ts';
import { median, repeat } from '../support/statistics.ts';
import { inAccounts, releaseBefore } from '../support/tenants.ts';

/** Too many for a scan, so that each tenant takes as long as its budget says (by default 20/s): two seconds. */
const TENANTS = inAccounts(50, { seeds: 40, users: 200_000 });
const TOGETHER = { name: 'together', tenants: TENANTS };
const BEFORE = releaseBefore(TENANTS, 4);
const WORKERS = 2;
const CONCURRENCY = 50; // 1000 lookups a second take 50 at a time

/** Budgets of different accounts have nothing to do with each other. */
export const manyAccounts: Bench = {
  name: 'many-accounts',
  description:
    '50 tenants in 50 accounts × 40 seeds, pools of 200,000, 50 ms latency, 30 requests/s enforced, two workers',
  baseline: 'the slowest tenant alone (they are alike: median of three that the same workers run one after another)',
  unit: 's',
  target: { kind: 'at most', ratio: 1.3 },
  backends: BACKENDS,
  async run(platform, backend) {
    await using deployment = await openDeployment(platform, backend, { latencyMs: 50, quota: 'enforced' });
    for (const manifest of [BEFORE, TOGETHER]) await deployment.prepare(manifest);
    await deployment.startWorkers(WORKERS, CONCURRENCY);
    await secondsOfRelease(deployment, BEFORE);
    const alone = await repeat(3, async (nth) => {
      const name = `alone-${nth}`;
      const manifest = { name, tenants: TENANTS.slice(0, 1).map((tenant) => ({ ...tenant, id: name })) };
      await deployment.prepare(manifest);
      return secondsOfRelease(deployment, manifest);
    });
    const measured = await secondsOfRelease(deployment, TOGETHER);
    const throttled = throttlesIn(await deployment.cognito.counts());
    return [{ case: '', measured, against: median(alone), details: { throttled } }];
  },
};
