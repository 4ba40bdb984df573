import { setTimeout as sleep } from 'node:timers/promises';
import { BACKENDS, type Bench } from '../support/bench.ts';
import { openDeployment } from '../support/deployment.ts';
import { percentile } from '../support/statistics.ts';
import { inAccounts, UNLIMITED, HUGE_POOL } from '../support/tenants.ts';

const SAMPLES = 1_000;
const PAUSE_MS = 5; // nobody asks without a pause, and the workers need their share of the machine
const MANIFEST = {
  name: 'large',
  tenants: inAccounts(100, { seeds: 1_000, users: HUGE_POOL, requestsPerSecond: UNLIMITED }),
};

/** Every starting pod asks the gate every few seconds; it must not matter how much there is to do. */
export const gateLatency: Bench = {
  name: 'gate-latency',
  description: `/gate with 100,000 seeds in the ledger and two busy workers, 50 ms latency (${SAMPLES} requests)`,
  baseline: `/readyz of the same process, asked in turns with it (${SAMPLES} requests)`,
  unit: 'ms',
  target: { kind: 'at most', ratio: 3 },
  backends: BACKENDS,
  async run(platform, backend) {
    await using deployment = await openDeployment(platform, backend, { latencyMs: 50, quota: 'none' });
    const { prepare, produce, probe, startOps, startWorkers } = deployment;
    await prepare(MANIFEST);
    await produce(MANIFEST.name);
    const url = await startOps();
    await startWorkers(2);
    await probe.untilUnderWay(MANIFEST.name, 100);

    const gate: number[] = [];
    const readyz: number[] = [];
    for (let n = 0; n < SAMPLES; n += 1) {
      gate.push(await millisecondsOf(`${url}/gate`, 503)); // closed: the work is not done
      await sleep(PAUSE_MS);
      readyz.push(await millisecondsOf(`${url}/readyz`, 200));
      await sleep(PAUSE_MS);
    }
    return [0.5, 0.99].map((share) => ({
      case: `p${share * 100}`,
      measured: percentile(gate, share),
      against: percentile(readyz, share),
    }));
  },
};

async function millisecondsOf(url: string, expected: number): Promise<number> {
  const started = performance.now();
  const response = await fetch(url);
  const body = await response.text();
  if (response.status !== expected) throw new Error(`${url} answered ${response.status}: ${body}`);
  return performance.now() - started;
}
