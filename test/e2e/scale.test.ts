import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { watchConnections } from '../support/connections.ts';
import type { Emulator } from '../../demo/cognito/emulator.ts';
import { describeOnBothDeployments } from '../support/deployment.ts';
import { heapUsed, INSPECTED } from '../support/heap.ts';
import { countStates } from '../support/ledger.ts';
import { writeOut, type TenantSketch } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { tallyErrors } from '../support/tally.ts';

const TENANTS = 1_000;
const SEEDS_EACH = 20;
const SEEDS = TENANTS * SEEDS_EACH;
const ACCOUNTS = 50;
/** What docs/deploy.md says of a worker, `ops` and a command; a thousand tenants do not change it. */
const MOST_CONNECTIONS = new Map([
  ['rolecall-work', 23],
  ['rolecall', 5 + 3],
  ['rolecall-migrate', 1],
  ['rolecall-queue', 11 + 5 + 5],
  ['redis', 4 + 1 + 1],
]);

/** A kilobyte for each seed of two releases. */
const MAY_GROW_BY = 2_000_000;

/** Far more than it takes: a machine that is busy with other things is not what is tested. */
const BOUND_MS = 600_000;
const WAIT = '--wait --timeout 540';

describeOnBothDeployments('a large platform', (test) => {
  test(
    'of 1,000 tenants runs through, with a handful of connections',
    async ({ run, serve, start, cognito, directory, databaseUrl, redisUrl }) => {
      const tenants = largeTenants(TENANTS, SEEDS_EACH);
      addPools(cognito, tenants);
      const folder = await writeFolder(directory, tenants, cognito.url);
      const more = { ROLECALL_MANIFEST: folder, ROLECALL_CONCURRENCY: '50' };
      await using connections = await watchConnections(databaseUrl, redisUrl);
      start('work', more);
      await serve('ops', more);

      expect(await run(`produce --release v1 ${WAIT}`, more)).toMatchObject({ exitCode: 0 });

      const most = Object.entries(await connections.most());
      expect(most.filter(([name, count]) => count > (MOST_CONNECTIONS.get(name) ?? 0))).toEqual([]);
      expect(await countStates(databaseUrl)).toEqual({ granted: SEEDS });
      expect(await tallyErrors(databaseUrl)).toEqual([]);
      const grants = 'select count(*)::int as grants, count(distinct tenant_id)::int as tenants from user_role';
      expect(await execute(databaseUrl, grants)).toEqual([{ grants: SEEDS, tenants: TENANTS }]);
    },
    BOUND_MS,
  );

  test(
    'is released again and again, and neither the worker nor the ledger grows',
    async ({ run, start, manifest, cognito, databaseUrl }) => {
      const tenants = largeTenants(50, 20);
      addPools(cognito, tenants);
      await manifest({ tenants });
      const worker = start('work', { ...INSPECTED, ROLECALL_CONCURRENCY: '50' });
      const heapAfter = async (release: string) => {
        expect(await run(`produce --release ${release} ${WAIT}`)).toMatchObject({ exitCode: 0 });
        return heapUsed(worker);
      };

      await heapAfter('v1');
      const warm = await heapAfter('v2');
      await heapAfter('v3');
      expect(await heapAfter('v4')).toBeLessThan(warm + MAY_GROW_BY);

      await execute(databaseUrl, `update rolecall.release set superseded_at = superseded_at - interval '31 days'`);
      start('work'); // a worker prunes when it starts
      const flat = { seeds: 1_000, tenants: 50, tally: 1 };
      await vi.waitFor(async () => expect(await rowsOf(databaseUrl)).toEqual(flat), { timeout: 60_000 });
    },
    BOUND_MS,
  );
});

/** Each with a pool of its own, in which its seeds are the users; the pools are those of fifty accounts. */
function largeTenants(count: number, seedsEach: number) {
  return Array.from({ length: count }, (_, tenant) => ({
    id: `tenant-${tenant}`,
    pool: `eu-west-2_Tenant${tenant}`,
    assumeRole: { arn: `arn:aws:iam::${222_200_000_000 + (tenant % ACCOUNTS)}:role/rolecall` },
    seeds: Array.from({ length: seedsEach }, (_each, n) => ({ email: `person-${n}@tenant-${tenant}.example.org` })),
  }));
}

function addPools(cognito: Emulator, tenants: ReturnType<typeof largeTenants>): void {
  for (const { pool, assumeRole, seeds } of tenants) {
    cognito.addPool({ id: pool, account: assumeRole.arn.split(':')[4] ?? '', users: seeds });
  }
}

/** Half of the tenants in a file of their own, the others by 25. */
async function writeFolder(directory: string, tenants: readonly TenantSketch[], endpoint: string): Promise<string> {
  const folder = join(directory, 'tenants');
  await mkdir(folder);
  const files = Map.groupBy(tenants, (tenant) => {
    const at = tenants.indexOf(tenant);
    return at < tenants.length / 2 ? `own-${at}` : `shared-${Math.floor(at / 25)}`;
  });
  for (const [name, of] of files) {
    await writeFile(join(folder, `${name}.yaml`), JSON.stringify(writeOut({ tenants: of }, endpoint))); // JSON is YAML
  }
  return folder;
}

async function rowsOf(databaseUrl: string) {
  const [rows] = await execute(
    databaseUrl,
    `select (select count(*) from rolecall.seed)::int as seeds,
            (select count(*) from rolecall.release_tenant)::int as tenants,
            (select count(*) from rolecall.seed_tally)::int as tally`,
  );
  return rows;
}
