import { BACKENDS, type Backend, type Bench, type Finding } from '../support/bench.ts';
import { openDeployment, secondsOfRelease, type CognitoOptions, type Deployment } from '../support/deployment.ts';
import type { Platform } from '../support/platform.ts';
import { median, repeat } from '../support/statistics.ts';
import { HUGE_POOL, UNLIMITED } from '../support/tenants.ts';

interface Rivalry {
  readonly case: string;
  readonly cognito: CognitoOptions;
  readonly requestsPerSecond: number;
}

/** What the small tenant may have to wait for: a free slot of the worker, or the budget of the account it shares. */
const RIVALRIES: readonly Rivalry[] = [
  { case: 'a busy worker', cognito: { latencyMs: 50, quota: 'none' }, requestsPerSecond: UNLIMITED },
  { case: 'a shared budget', cognito: { latencyMs: 50, quota: 'enforced' }, requestsPerSecond: 20 },
];

/** Tenants take turns, whoever came first and however many they want. */
export const smallTenantBehindLarge: Bench = {
  name: 'small-tenant-behind-large',
  description: 'a tenant of 5 seeds, produced while a worker is at 20,000 of another, 50 ms latency (median of three)',
  baseline: 'the same tenant alone (median of three)',
  unit: 's',
  target: { kind: 'at most', ratio: 2, plusSeconds: 1 },
  backends: BACKENDS,
  async run(platform, backend) {
    const findings: Finding[] = [];
    for (const rivalry of RIVALRIES) findings.push(await compare(rivalry, platform, backend));
    return findings;
  },
};

async function compare(rivalry: Rivalry, platform: Platform, backend: Backend): Promise<Finding> {
  const alone = await secondsOfSmall(rivalry, platform, backend, startWorker);
  const behind = await secondsOfSmall(rivalry, platform, backend, async (deployment) => {
    await produceLarge(rivalry, deployment);
    await startWorker(deployment);
    await deployment.probe.untilUnderWay(LARGE, 20);
  });
  return { case: rivalry.case, measured: behind, against: alone };
}

/** Three small tenants, one after the other, while whatever was begun goes on. */
async function secondsOfSmall(
  { cognito, requestsPerSecond }: Rivalry,
  platform: Platform,
  backend: Backend,
  begin: (deployment: Deployment) => Promise<void>,
): Promise<number> {
  await using deployment = await openDeployment(platform, backend, cognito);
  await begin(deployment);
  const seconds = await repeat(3, async (nth) => {
    const name = `small-${nth}`;
    const manifest = { name, tenants: [{ id: name, seeds: 5, users: HUGE_POOL, requestsPerSecond }] };
    await deployment.prepare(manifest);
    return secondsOfRelease(deployment, manifest);
  });
  return median(seconds);
}

const LARGE = 'large';

async function produceLarge({ requestsPerSecond }: Rivalry, { prepare, produce }: Deployment): Promise<void> {
  await prepare({ name: LARGE, tenants: [{ id: LARGE, seeds: 20_000, users: HUGE_POOL, requestsPerSecond }] });
  await produce(LARGE);
}

function startWorker({ startWorkers }: Deployment): Promise<void> {
  return startWorkers(1);
}
