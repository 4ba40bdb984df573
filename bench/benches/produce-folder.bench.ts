import { BACKENDS, type Backend, type Bench } from '../support/bench.ts';
import { openDeployment } from '../support/deployment.ts';
import type { Platform } from '../support/platform.ts';
import { secondsOf } from '../support/statistics.ts';

const TENANTS = 1_000;
const SEEDS = 100;
const NO_COGNITO = { latencyMs: 0, quota: 'none' } as const; // nobody asks it anything

/** 100,000 seeds out of 101 files, into the ledger and the queue. */
export const produceFolder: Bench = {
  name: 'produce-folder',
  description: 'produce of 100,000 seeds of 1,000 tenants from a folder of 101 YAML files, from its start to its end',
  baseline: 'a process that only adds the same jobs by addBulk in chunks of 1,000, from its start to its end',
  unit: 's',
  target: { kind: 'at most', ratio: 4 },
  backends: BACKENDS,
  async run(platform, backend) {
    const against = await addBulkAlone(platform, backend);
    const { seconds, peakMb } = await produceAll(platform, backend);
    return [
      {
        case: '',
        measured: seconds,
        against,
        limits: [{ of: 'peak RSS', value: Math.round(peakMb), atMost: 500, unit: 'MB' }],
      },
    ];
  },
};

async function addBulkAlone(platform: Platform, backend: Backend): Promise<number> {
  await using deployment = await openDeployment(platform, backend, NO_COGNITO);
  const options = { tenants: TENANTS, seeds: SEEDS };
  return await secondsOf(() => deployment.startBaseline('add-bulk.ts', options).finished()); // before the deployment ends
}

async function produceAll(platform: Platform, backend: Backend) {
  await using deployment = await openDeployment(platform, backend, NO_COGNITO);
  const tenants = Array.from({ length: TENANTS }, (_, n) => ({ id: `tenant-${n}`, seeds: SEEDS, users: SEEDS }));
  await deployment.prepare({ name: 'folder', tenants, tenantsPerFile: 10 });
  const started = performance.now();
  const { peakMb } = await deployment.produce('folder');
  return { seconds: (performance.now() - started) / 1000, peakMb };
}
