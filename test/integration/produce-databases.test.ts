import { expect } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { startSilentProxy } from '../support/database-proxy.ts';
import { createEmptyDatabase } from '../support/deployment.ts';
import { retryFailedJobs, untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const ADA = 'ada@example.org';
const BOB = 'bob@example.org';

const tenantIn = (databaseUrlEnv: string, email: string) => ({
  id: databaseUrlEnv.toLowerCase().replaceAll('_', '-'),
  grants: { databaseUrlEnv, schema: 'public' },
  seeds: [email],
});
const managedTablesIn = async (url: string) => {
  const tables = `select table_name as name from information_schema.tables where table_schema = 'public' and table_name in ('roles', 'user_role')`;
  return (await execute<{ name: string }>(url, tables)).map(({ name }) => name).toSorted();
};

test("a tenant's database that is away holds up nobody else, and is made ready when it is back", async ({
  produce,
  work,
  cognito,
  queue,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }, { email: BOB }] });
  await using other = await createEmptyDatabase();
  const port = await freePort();
  const more = { APP1_URL: Object.assign(new URL(other.url), { port: `${port}` }).href };
  const sketch = { tenants: [tenantIn('DATABASE_URL', ADA), tenantIn('APP1_URL', BOB)] };

  expect(await produce(sketch, 'v1', more)).toMatchObject({
    recorded: true,
    seeds: 2,
    databasesAway: [{ databaseUrlEnv: 'APP1_URL', problem: 'PostgreSQL (APP1_URL) cannot be reached (ECONNREFUSED)' }],
  });
  await work(more);
  await untilStates(databaseUrl, { [ADA]: 'granted', [BOB]: 'retrying: database-unavailable' });

  await using back = await startSilentProxy(other.url, port);
  back.open();
  await untilStates(databaseUrl, { [ADA]: 'granted', [BOB]: 'blocked: grants-table-missing' });
  expect(await produce(sketch, 'v1', more)).toMatchObject({ recorded: false, databasesAway: [] });
  await expect.poll(() => queue.getFailedCount()).toBe(1);
  await retryFailedJobs(queue);
  await untilStates(databaseUrl, { [ADA]: 'granted', [BOB]: 'granted' });
});

test('databases that refuse us are told all at once, and nothing is recorded', async ({ produce, databaseUrl }) => {
  await using fine = await createEmptyDatabase();
  const more = {
    APP1_URL: withDatabase(databaseUrl, 'no_such_1'),
    APP2_URL: Object.assign(new URL(databaseUrl), { username: 'nobody_here' }).href,
    APP3_URL: fine.url,
  };
  const tenants = ['APP1_URL', 'APP2_URL', 'APP3_URL'].map((name) => tenantIn(name, ADA));

  await expect(produce({ tenants }, 'v1', more)).rejects.toThrow(
    /^PostgreSQL \(APP1_URL\) refuses: there is no such database \(3D000\)\nPostgreSQL \(APP2_URL\) refuses: .*\(28P01\)$/,
  );

  expect(await execute(databaseUrl, 'select from rolecall.release')).toEqual([]);
  expect(await managedTablesIn(fine.url)).toEqual([]);
});

test('tables that are in the way are told of all databases at once, and the others are made ready', async ({
  produce,
  databaseUrl,
}) => {
  await using first = await createEmptyDatabase();
  await using second = await createEmptyDatabase();
  await using fine = await createEmptyDatabase();
  for (const { url } of [first, second]) await execute(url, 'create table roles (id int)');
  const more = { APP1_URL: first.url, APP2_URL: second.url, APP3_URL: fine.url };
  const tenants = Object.keys(more).map((name) => tenantIn(name, ADA));

  await expect(produce({ tenants }, 'v1', more)).rejects.toThrow(
    /^the schema public in the database of APP1_URL has roles, .*\nthe schema public in the database of APP2_URL has roles, .*$/,
  );

  expect(await execute(databaseUrl, 'select from rolecall.release')).toEqual([]);
  expect(await managedTablesIn(fine.url)).toEqual(['roles', 'user_role']);
});
