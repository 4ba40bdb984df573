import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { askGate } from '../../src/ops/gate/ask-gate.ts';
import { retryFailedJobs, statesOf, untilStates } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { inFlip, LATER_SHAPE, LATER_TABLE, openGranter, rowsOf, subOf, tally } from '../support/own-tables.ts';
import { execute } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const EMAIL = 'ada@example.org';
const SERIAL = `create schema flip; create table flip.user_role (n bigserial, user_id uuid, role_id uuid, trust_id uuid)`;
const KEYLESS = { name: 'user_role', columns: { scope: 'trust_id' } };

interface Fault {
  readonly shape?: string;
  readonly table?: object;
  /** What is wrong; `$user` is the user of the worker, who may do everything before. */
  readonly wrong: string;
  readonly reason: 'grants-table-missing' | 'grants-not-writable';
  readonly fix: RegExp;
}

test.for<[what: string, fault: Fault]>([
  [
    'no schema',
    {
      wrong: 'drop schema flip cascade',
      reason: 'grants-table-missing',
      fix: /^\/\* There is no schema "flip": is grants.schema right\? .*\*\/ create schema "flip"; create table/,
    },
  ],
  [
    'no table',
    {
      wrong: 'drop table flip.user_role',
      reason: 'grants-table-missing',
      fix: /^\/\* There is no table "flip"."user_role": is grants.table.name right\? .*\*\/ create table "flip"."user_role" \(.*"role_id" text/,
    },
  ],
  [
    'no table, where roles have numbers',
    {
      shape: `create schema flip; create table flip.user_role (); create table flip.roles (id int primary key, name text); insert into flip.roles values (7, 'Admin'), (8, 'Researcher')`,
      table: { ...LATER_TABLE, roles: {} },
      wrong: 'drop table flip.user_role',
      reason: 'grants-table-missing',
      fix: /^\/\* There is no table "flip"."user_role".*\*\/ create table "flip"."user_role" \(.*"role_id" integer/,
    },
  ],
  [
    'no column',
    {
      wrong: 'alter table flip.user_role drop column trust_id',
      reason: 'grants-table-missing',
      fix: /^\/\* There is no column "trust_id": is grants.table.columns right\? .*\*\/ alter table "flip"."user_role" add column "trust_id" text;$/,
    },
  ],
  [
    'a column that must be filled and is not mapped',
    {
      wrong: 'alter table flip.user_role add column made_by text not null',
      reason: 'grants-table-missing',
      fix: /^alter table "flip"."user_role" alter column "made_by" set default …; \(or name it/,
    },
  ],
  [
    'a user column that holds no sub',
    {
      wrong: 'alter table flip.user_role alter column user_id type int using 1',
      reason: 'grants-table-missing',
      fix: /^alter table "flip"."user_role" alter column "user_id" type text;$/,
    },
  ],
  [
    'columns whose type cuts what it holds',
    {
      wrong: `alter table flip.user_role drop column trust_id, add column trust_id name, alter column role_id type "char" using 'x', drop constraint user_role_role_id_fkey`,
      reason: 'grants-table-missing',
      fix: /^alter table "flip"."user_role" alter column "role_id" type text; alter table "flip"."user_role" alter column "trust_id" type text;$/,
    },
  ],
  [
    'no right to the schema',
    {
      wrong: 'revoke usage on schema flip from $user',
      reason: 'grants-not-writable',
      fix: /^grant usage on schema "flip" to "app_\w+";$/,
    },
  ],
  [
    'no right to write',
    {
      wrong: 'revoke insert on flip.user_role from $user',
      reason: 'grants-not-writable',
      fix: /^grant insert on "flip"."user_role" to "app_\w+";$/,
    },
  ],
  [
    'rights to some columns only',
    {
      wrong: `revoke all on flip.user_role from $user; grant select (user_id), insert (id, user_id, role_id) on flip.user_role to $user`,
      reason: 'grants-not-writable',
      fix: /^grant select, insert on "flip"."user_role" to "app_\w+";$/,
    },
  ],
  [
    'no right to the sequence of the key',
    {
      shape: SERIAL,
      table: KEYLESS,
      wrong: 'revoke usage on all sequences in schema flip from $user',
      reason: 'grants-not-writable',
      fix: /^grant usage on sequence flip.user_role_n_seq to "app_\w+";$/,
    },
  ],
  [
    'no right to look up roles',
    {
      table: { ...LATER_TABLE, roles: {} },
      wrong: 'revoke select on flip.roles from $user',
      reason: 'grants-not-writable',
      fix: /^grant select on "flip"."roles" to "app_\w+";$/,
    },
  ],
])(
  '%s: the tenant is blocked, the ledger holds the remedy, and after it a retry is enough',
  async ([, fault], { produce, work, cognito, queue, ledger, databaseUrl }) => {
    const { shape = LATER_SHAPE, table = LATER_TABLE, wrong, reason, fix } = fault;
    const { user, url } = await createUser(databaseUrl, shape);
    await execute(databaseUrl, wrong.replaceAll('$user', user));
    cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });
    await produce({ tenants: [{ grants: inFlip(table, { databaseUrlEnv: 'FLIP_URL' }), seeds: [EMAIL] }] });

    const worker = await work({ FLIP_URL: url });
    await untilStates(databaseUrl, { [EMAIL]: `blocked: ${reason}` });
    await expect.poll(() => queue.getFailedCount()).toBe(1);
    const remedy = await remedyOf(databaseUrl);
    expect(remedy).toMatch(fix);
    const answer = await askGate(ledger.em.fork(), {});
    expect(answer).toMatchObject({ gate: { reasons: [{ tenant: 'flip', reason, count: 1, fix: remedy }] } });
    expect(worker.lines.join('')).toContain(JSON.stringify(remedy).slice(1, -1));

    await execute(databaseUrl, remedy.replace(/ \(or name.*$/, '').replace('…', `'rolecall'`));
    await execute(databaseUrl, grantAll(user)); // a table that was made just now gives its rights to nobody
    await retryFailedJobs(queue);

    await untilStates(databaseUrl, { [EMAIL]: 'granted' });
    expect(await rowsOf(databaseUrl)).toHaveLength(1);
    await expect
      .poll(() => execute(databaseUrl, 'select fault_detail from rolecall.release_tenant'))
      .toEqual([{ fault_detail: null }]);
  },
);

test.for([
  [
    'role',
    'delete from flip.roles',
    'role-unknown',
    /^The foreign key "user_role_role_id_fkey" of "flip"."user_role" knows no such role: .*\(roles: admin\)\.$/,
  ],
  [
    'user',
    'create table flip.users (id uuid primary key); alter table flip.user_role add foreign key (user_id) references flip.users',
    'grants-refused',
    /^The constraint "user_role_user_id_fkey" of "flip"."user_role" refuses the row \(23503\)/,
  ],
] as const)('a foreign key that lacks the %s says so', async ([, wrong, reason, fix], { produce, databaseUrl }) => {
  await execute(databaseUrl, `${LATER_SHAPE}; ${wrong}`);
  await produce({ tenants: [{ grants: inFlip(LATER_TABLE), seeds: [EMAIL] }] });
  await using granter = await openGranter(databaseUrl);
  const blocked = expect.objectContaining({ kind: 'blocked', reason, fix: expect.stringMatching(fix) });
  expect(await granter.grant()).toEqual([blocked]);
});

test('a table that is missing is found out before anybody asks Cognito', async ({
  produce,
  work,
  cognito,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });
  await produce({ tenants: [{ grants: inFlip(LATER_TABLE), seeds: [EMAIL] }] });
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'blocked: grants-table-missing' });
  expect(cognito.counts.calls.ListUsers ?? 0).toBe(0);
});

test('what a trigger misses for one row blocks one seed, and says so', async ({ produce, databaseUrl }) => {
  const emails = people(8);
  await execute(
    databaseUrl,
    `${LATER_SHAPE};
     create function flip.f() returns trigger language plpgsql as $f$ begin
       if new.user_id = '${subOf(emails[0] ?? '')}' then insert into flip.gone values (1); end if; return new;
     end $f$;
     create trigger t before insert on flip.user_role for each row execute function flip.f()`,
  );
  await produce({ tenants: [{ grants: inFlip(LATER_TABLE), seeds: emails }] });
  await using granter = await openGranter(databaseUrl);

  const outcomes = await granter.grant();

  expect(tally(outcomes)).toEqual({ granted: 7, 'blocked: grants-refused': 1 });
  const fix = `A trigger, a rule or a view of "flip"."user_role" needs what does not exist (42P01): create it, or change what needs it.`;
  expect(outcomes).toContainEqual(expect.objectContaining({ kind: 'blocked', fix }));
});

test('an index that goes while a worker runs blocks nobody', async ({ produce, databaseUrl }) => {
  await execute(databaseUrl, LATER_SHAPE);
  await using granter = await openGranter(databaseUrl);
  const [first = '', ...others] = people(4);
  await produce({ tenants: [{ grants: inFlip(LATER_TABLE), seeds: [first] }] }, 'v1');
  expect(tally(await granter.grant())).toEqual({ granted: 1 });

  await execute(databaseUrl, 'drop index flip.user_role_everywhere');
  await produce({ tenants: [{ grants: inFlip(LATER_TABLE), seeds: others }] }, 'v2');

  expect(tally(await granter.grant())).toEqual({ granted: 3 });
});

test('a right that goes while a worker runs is named', async ({ produce, databaseUrl }) => {
  const { user, url } = await createUser(databaseUrl, LATER_SHAPE);
  await using granter = await openGranter(databaseUrl, { urlOf: () => ({ url }) });
  const grants = inFlip(LATER_TABLE, { databaseUrlEnv: 'FLIP_URL' });
  await produce({ tenants: [{ grants, seeds: [EMAIL] }] }, 'v1');
  expect(tally(await granter.grant())).toEqual({ granted: 1 });

  await execute(databaseUrl, `revoke insert on flip.user_role from ${user}`);
  await produce({ tenants: [{ grants, seeds: people(2) }] }, 'v2');

  const fix = `grant insert on "flip"."user_role" to "${user}";`;
  const blocked = expect.objectContaining({ kind: 'blocked', reason: 'grants-not-writable', fix });
  expect(await granter.grant()).toEqual([blocked, blocked]);
});

test.for([
  [
    'a trigger that drops the row',
    `create function flip.drop_row() returns trigger language plpgsql as 'begin return null; end';
    create trigger dropping before insert on flip.user_role for each row execute function flip.drop_row()`,
  ],
  ['an index that allows a user one role', 'create unique index on flip.user_role (user_id)'],
] as const)('%s does not pass for a grant', async ([, wrong], { produce, databaseUrl }) => {
  await execute(databaseUrl, `${LATER_SHAPE}; ${wrong}`);
  await produce({
    tenants: [{ grants: inFlip(LATER_TABLE), seeds: [{ email: EMAIL, roles: ['admin', 'researcher'] }] }],
  });
  await using granter = await openGranter(databaseUrl);

  expect(tally(await granter.grant())).toEqual({ 'blocked: grants-refused': 1 });

  expect(await rowsOf(databaseUrl)).toEqual([]);
  expect(await statesOf(databaseUrl)).toEqual({ [EMAIL]: 'pending' });
});

test('a tenant whose database only the workers can reach is produced all the same', async ({
  produce,
  databaseUrl,
}) => {
  const grants = inFlip(LATER_TABLE, { databaseUrlEnv: 'NOBODY_SET_IT' });
  await produce({ tenants: [{ grants, seeds: [EMAIL] }] });
  expect(await statesOf(databaseUrl)).toEqual({ [EMAIL]: 'pending' });
});

/** A user who may do what a worker needs, and no more. It goes with the server of the tests. */
async function createUser(databaseUrl: string, shape: string): Promise<{ user: string; url: string }> {
  const user = `app_${randomBytes(4).toString('hex')}`;
  await execute(databaseUrl, `${shape}; create role ${user} login password 'secret'; ${grantAll(user)}`);
  const url = new URL(databaseUrl);
  [url.username, url.password] = [user, 'secret'];
  return { user, url: url.href };
}

function grantAll(user: string): string {
  return `grant usage on schema flip to ${user}; grant select, insert on all tables in schema flip to ${user};
    grant usage on all sequences in schema flip to ${user}`;
}

async function remedyOf(databaseUrl: string): Promise<string> {
  const rows = await execute<{ fault_detail: string | null }>(
    databaseUrl,
    'select fault_detail from rolecall.release_tenant',
  );
  return rows[0]?.fault_detail ?? '';
}
