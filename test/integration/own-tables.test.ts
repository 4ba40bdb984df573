import { expect } from 'vitest';
import { ADMIN, RESEARCHER, writeOut, type SeedSketch } from '../support/manifest.ts';
import {
  FIRST_SHAPE,
  FIRST_TABLE,
  inFlip,
  LATER_SHAPE,
  LATER_TABLE,
  openGranter,
  rowsOf,
  subOf,
  tally,
} from '../support/own-tables.ts';
import { produceManifest } from '../support/produce.ts';
import { execute } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const EMAIL = 'ada@example.org';
const SUB = subOf(EMAIL);
const [NORTH, SOUTH] = ['0b1c7f3e-1111-4222-8333-444455556666', '0b1c7f3e-7777-4888-8999-444455556666'];
const tenant = (grants: object, seed: Partial<SeedSketch> = {}) => ({
  tenants: [{ grants, seeds: [{ email: EMAIL, ...seed }] }],
});

async function grantAll(databaseUrl: string) {
  await using granter = await openGranter(databaseUrl);
  return tally(await granter.grant());
}

test('a role is held everywhere, in one trust and in another: three grants', async ({ produce, databaseUrl }) => {
  await execute(databaseUrl, LATER_SHAPE);
  const roles = ['admin', { role: 'admin', scope: NORTH }, { role: 'admin', scope: SOUTH.toUpperCase() }] as const;
  await produce(tenant(inFlip(LATER_TABLE), { roles }));

  expect(await grantAll(databaseUrl)).toEqual({ granted: 1 });

  const expected = [NORTH, SOUTH, null].map((trust_id) => ({ user_id: SUB, role_id: ADMIN, trust_id }));
  expect(await rowsOf(databaseUrl, 'user_id, role_id, trust_id')).toEqual(expected);
  const audit = await execute(databaseUrl, 'select role, scope from rolecall.audit order by scope');
  expect(audit).toEqual(expected.map(({ role_id, trust_id }) => ({ role: role_id, scope: trust_id })));
});

test('the next deploy adds nothing', async ({ produce, databaseUrl }) => {
  await execute(databaseUrl, LATER_SHAPE);
  const sketch = tenant(inFlip(LATER_TABLE), { roles: ['admin', { role: 'admin', scope: NORTH }] });
  for (const release of ['v1', 'v2', 'v3']) {
    await produce(sketch, release);
    expect(await grantAll(databaseUrl)).toEqual({ granted: 1 });
  }
  expect(await rowsOf(databaseUrl)).toHaveLength(2);
  expect(await execute(databaseUrl, 'select 1 from rolecall.audit')).toHaveLength(2);
});

test('bootstrap leaves what was changed by hand, in that scope only; ensure adds to it', async ({
  produce,
  databaseUrl,
}) => {
  await execute(databaseUrl, LATER_SHAPE);
  const roles = ['admin', { role: 'admin', scope: NORTH }] as const;
  await produce(tenant(inFlip(LATER_TABLE, { mode: 'bootstrap' }), { roles }), 'v1');
  await grantAll(databaseUrl);
  // An administrator demotes her everywhere, and takes away what she had in the trust.
  await execute(databaseUrl, `update flip.user_role set role_id = '${RESEARCHER}' where trust_id is null`);
  await execute(databaseUrl, 'delete from flip.user_role where trust_id is not null');

  await produce(tenant(inFlip(LATER_TABLE, { mode: 'bootstrap' }), { roles }), 'v2');
  expect(await grantAll(databaseUrl)).toEqual({ granted: 1 });
  expect(await rowsOf(databaseUrl, 'role_id, trust_id')).toEqual([
    { role_id: RESEARCHER, trust_id: null },
    { role_id: ADMIN, trust_id: NORTH },
  ]);

  // The seed's own mode counts, not the tenant's.
  await produce(tenant(inFlip(LATER_TABLE, { mode: 'bootstrap' }), { roles, mode: 'ensure' }), 'v3');
  await grantAll(databaseUrl);
  expect(await rowsOf(databaseUrl, 'role_id, trust_id')).toHaveLength(3);
});

test('bootstrap works on the managed tables too', async ({ produce, databaseUrl }) => {
  await produce(tenant({ mode: 'bootstrap' }, { roles: ['admin', 'researcher'] }), 'v1');
  await grantAll(databaseUrl);
  expect(await rowsOf(databaseUrl, 'role_id', 'public.user_role')).toHaveLength(2);
  await execute(databaseUrl, 'delete from public.user_role where role_id = $1', [ADMIN]);

  await produce(tenant({ mode: 'bootstrap' }, { roles: ['admin', 'researcher'] }), 'v2');
  expect(await grantAll(databaseUrl)).toEqual({ granted: 1 });
  expect(await rowsOf(databaseUrl, 'role_id', 'public.user_role')).toEqual([{ role_id: RESEARCHER }]);
});

test.for<[what: string, columns: string, id: number | string]>([
  ['whole numbers', 'user_id text, role_id int, "Trust-Id" bigint, unique (user_id, role_id, "Trust-Id")', 7],
  ['texts', 'user_id varchar(40), role_id varchar(20), "Trust-Id" char(9)', 'R-7'],
])('ids may be %s; the key is left to its default', async ([, columns, id], { databaseUrl, cognito, env }) => {
  await execute(databaseUrl, `create schema flip; create table flip."UserRole" (id bigserial primary key, ${columns})`);
  const grants = inFlip({ name: 'UserRole', columns: { scope: 'Trust-Id' } });
  const sketch = tenant(grants, { roles: ['admin', { role: 'admin', scope: '42' }] });
  const manifest = { ...writeOut(sketch, cognito.url), roles: { admin: { id, name: 'Admin' } } };
  for (const release of ['v1', 'v2']) {
    await produceManifest(manifest, env, release);
    expect(await grantAll(databaseUrl)).toEqual({ granted: 1 });
  }
  const rows = await execute(
    databaseUrl,
    `select user_id, role_id::text, trim("Trust-Id"::text) as scope from flip."UserRole" order by scope`,
  );
  expect(rows).toEqual(['42', null].map((scope) => ({ user_id: SUB, role_id: `${id}`, scope })));
  expect(await execute(databaseUrl, 'select role, trim(scope) as scope from rolecall.audit order by scope')).toEqual(
    ['42', null].map((scope) => ({ role: `${id}`, scope })),
  );
});

test('the ids of roles are looked up by name in the table of the tenant', async ({ cognito, env, databaseUrl }) => {
  await execute(databaseUrl, `${FIRST_SHAPE}; update flip.roles set name = 'It''s "Admin"?' where name = 'Admin'`);
  const table = { ...FIRST_TABLE, roles: {} };
  const manifest = { ...writeOut(tenant(inFlip(table)), cognito.url), roles: { admin: { name: `It's "Admin"?` } } };
  await produceManifest(manifest, env);

  expect(await grantAll(databaseUrl)).toEqual({ granted: 1 });

  expect(await rowsOf(databaseUrl)).toEqual([{ user_id: SUB, role_id: ADMIN }]);
});

test.for([
  [
    'missing',
    `update flip.roles set name = 'Root' where name = 'Admin'`,
    /insert into "flip"."roles" \("name"\) values \('Admin'\)/,
  ],
  [
    'there twice',
    `insert into flip.roles values (gen_random_uuid(), 'Admin')`,
    /Keep one row of "flip"."roles".*there are 2/,
  ],
] as const)(
  'a name that is %s in the table of roles blocks the seed',
  async ([, change, fix], { produce, databaseUrl }) => {
    await execute(databaseUrl, `${FIRST_SHAPE}; ${change}`);
    await produce(tenant(inFlip({ ...FIRST_TABLE, roles: { table: 'roles' } })));
    await using granter = await openGranter(databaseUrl);

    expect(await granter.grant()).toEqual([expect.objectContaining({ kind: 'blocked', reason: 'role-unknown' })]);
    expect(await granter.grant()).toEqual([expect.objectContaining({ fix: expect.stringMatching(fix) })]);
  },
);

test('where tenants have roles of their own, nobody is given the role of another tenant', async ({
  produce,
  databaseUrl,
}) => {
  const [north, south] = [ADMIN, RESEARCHER];
  await execute(
    databaseUrl,
    `create schema flip;
     create table flip.roles (id uuid primary key, site uuid, name text, unique (site, name));
     create table flip.user_role (user_id uuid, role_id uuid, site uuid);
     insert into flip.roles values ('${north}', '${NORTH}', 'Admin')`,
  );
  const table = { name: 'user_role', columns: { tenant: 'site' }, roles: { tenant: 'site' } };
  const seeds = [EMAIL, 'bob@example.org'].map((email) => ({ email }));
  const siteOf = (id: string, tenantValue: string) => ({ id, grants: inFlip({ ...table, tenantValue }), seeds });
  await produce({ tenants: [siteOf('north', NORTH.toUpperCase()), siteOf('south', SOUTH)] });
  await using granter = await openGranter(databaseUrl);

  const outcomes = await granter.grant();

  expect(tally(outcomes)).toEqual({ granted: 2, 'blocked: role-unknown': 2 });
  const fix = `insert into "flip"."roles" ("name", "site") values ('Admin', '${SOUTH}'); (and what else a role needs)`;
  expect(outcomes).toContainEqual(expect.objectContaining({ kind: 'blocked', fix }));
  await execute(databaseUrl, `insert into flip.roles values ('${south}', '${SOUTH}', 'Admin')`);
  expect(tally(await granter.grant())).toEqual({ 'nothing to do': 2, granted: 2 });
  expect(await execute(databaseUrl, 'select distinct site, role_id from flip.user_role order by site')).toEqual([
    { site: NORTH, role_id: north },
    { site: SOUTH, role_id: south },
  ]);
});

test('tenants share a table: each has its rows, with constants, and holds nothing by those of another', async ({
  produce,
  databaseUrl,
}) => {
  await execute(
    databaseUrl,
    `create schema flip; create table flip.user_role (
       customer int, user_id uuid, role_id uuid, source varchar(10) not null, level int not null,
       unique (customer, role_id, user_id))`,
  );
  const table = { name: 'user_role', columns: { tenant: 'customer' }, constants: { source: 'rolecall', level: 3 } };
  await produce({
    tenants: [1, 2].map((customer) => ({
      id: `customer-${customer}`,
      grants: inFlip({ ...table, tenantValue: customer }, { mode: 'bootstrap' }),
      seeds: [EMAIL],
    })),
  });

  expect(await grantAll(databaseUrl)).toEqual({ granted: 2 });

  expect(await rowsOf(databaseUrl, 'customer, user_id, role_id, source, level')).toEqual(
    [1, 2].map((customer) => ({ customer, user_id: SUB, role_id: ADMIN, source: 'rolecall', level: 3 })),
  );
});
