import type { Bench } from '../support/bench.ts';
import { openDeployment, seedsPerSecond } from '../support/deployment.ts';
import { HUGE_POOL, UNLIMITED } from '../support/tenants.ts';

const SEEDS = 10_000;
const CONCURRENCY = 50; // where BullMQ on Redis stops gaining
const TENANT = { id: 'flip', seeds: SEEDS, users: HUGE_POOL, requestsPerSecond: UNLIMITED };

/** What everything around the lookups costs: the queue, the ledger, the grants. */
export const filterThroughput: Bench = {
  name: 'filter-throughput',
  description: '10,000 seeds, no latency, unlimited budget, filter lookups, one worker, concurrency 50',
  baseline: 'the same lookups through the SDK alone, in one process, concurrency 50',
  unit: '/s',
  target: { kind: 'at least', ratio: 0.4 },
  backends: ['redis'],
  async run(platform, backend) {
    await using deployment = await openDeployment(platform, backend, { latencyMs: 0, quota: 'none' });
    const manifest = { name: 'flip', tenants: [TENANT] };
    await deployment.prepare(manifest);

    const lookups = { endpoint: deployment.cognito.url, tenant: TENANT.id, seeds: SEEDS, concurrency: CONCURRENCY };
    const alone = deployment.startBaseline('sdk-lookups.ts', lookups);
    await alone.receive();
    alone.send('go');
    const against = SEEDS / Number(await alone.receive());
    const measured = await seedsPerSecond(deployment, manifest, { count: 1, concurrency: CONCURRENCY });
    return [{ case: '', measured, against }];
  },
};
