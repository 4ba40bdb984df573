import { expect } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { auditOf } from '../support/ledger.ts';
import { ADMIN, people, RESEARCHER, writeOut, type SeedSketch } from '../support/manifest.ts';
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
const CAPITALS = ADMIN.toUpperCase();
const TRUST = '0b1c7f3e-1111-4222-8333-444455556666';
const TEXTS = `
  create schema flip;
  create table flip.roles (id text primary key, name text);
  insert into flip.roles values ('${CAPITALS}', 'Admin'), ('R', 'Researcher');
  create table flip.user_role (id uuid primary key default gen_random_uuid(), user_id text, role_id text references flip.roles, trust_id text)`;
const KEYED = `create schema flip; create table flip.user_role`;
/** A cast to it cuts what is longer. */
const SHORT = `create domain public.short as varchar(5); create domain public.short2 as public.short;`;
/** Rows are marked as deleted, and a view leaves them out: she held the role once. */
const MARKED = `${FIRST_SHAPE};
  alter table flip.user_role rename to kept;
  alter table flip.kept add deleted_at timestamptz;
  insert into flip.kept values (gen_random_uuid(), '${SUB}', '${ADMIN}', now());
  create view flip.user_role as select id, user_id, role_id from flip.kept where deleted_at is null`;

/** A trigger of the application on `flip.user_role`, in PL/pgSQL. */
const trigger = (shape: string, when: string, body: string, { deferred = false } = {}) => `${shape};
  create function flip.f() returns trigger language plpgsql as $f$ begin ${body} end $f$;
  create ${deferred ? 'constraint' : ''} trigger t ${when} on flip.user_role
    ${deferred ? 'deferrable initially deferred' : ''} for each row execute function flip.f()`;

/** A role that somebody gets takes away the others. */
const ONE_ROLE = 'delete from flip.user_role where user_id = new.user_id and id <> new.id; return null;';

interface Case {
  readonly shape: string;
  readonly table?: object;
  readonly mode?: 'bootstrap';
  readonly roles?: SeedSketch['roles'];
  /** The id of the admin in the manifest. */
  readonly id?: string;
}

async function produceCase({ table = FIRST_TABLE, mode, roles, id = ADMIN }: Case, url: string, env: Env, n = 1) {
  const sketch = { tenants: [{ grants: inFlip(table, { mode }), seeds: [{ email: EMAIL, ...(roles && { roles }) }] }] };
  const admin = { id, name: 'Admin' };
  await produceManifest(
    { ...writeOut(sketch, url), roles: { admin, researcher: { id: RESEARCHER, name: 'Researcher' } } },
    env,
    `v${n}`,
  );
}

test.for<[what: string, given: Case, held?: object]>([
  [
    'whose unique constraint may be deferred',
    { shape: `${FIRST_SHAPE}; alter table flip.user_role add unique (user_id, role_id) deferrable` },
  ],
  [
    'whose unique index has a twin that may be deferred',
    {
      shape: `${FIRST_SHAPE}; create unique index on flip.user_role (user_id, role_id); alter table flip.user_role add unique (role_id, user_id) deferrable`,
    },
  ],
  ['whose key may be deferred', { shape: `${KEYED} (id uuid primary key deferrable, user_id uuid, role_id uuid)` }],
  ['of texts, with UUIDs in capitals', { shape: TEXTS, id: CAPITALS }, { role_id: CAPITALS }],
  [
    'of texts, with ids that its roles have',
    { shape: TEXTS, table: { ...FIRST_TABLE, roles: {} } },
    { role_id: CAPITALS },
  ],
  [
    'of domains',
    {
      shape: `create schema flip; create domain flip.uid as uuid; create domain flip.uid2 as flip.uid; create table flip.user_role (id flip.uid primary key, user_id flip.uid2, role_id flip.uid2)`,
    },
  ],
  [
    'with a column that a trigger fills',
    {
      shape: trigger(
        `${FIRST_SHAPE}; alter table flip.user_role add at timestamptz not null`,
        'before insert',
        'new.at := now(); return new;',
      ),
    },
  ],
  [
    'with a column that a domain fills',
    {
      shape: `${FIRST_SHAPE}; create domain flip.ts as timestamptz default now(); alter table flip.user_role add at flip.ts not null`,
    },
  ],
  [
    'that is a view with a trigger',
    {
      shape: `${FIRST_SHAPE}; alter table flip.user_role rename to kept; create view flip.user_role as select k.* from flip.kept k join flip.roles r on r.id = k.role_id;
        ${trigger('', 'instead of insert', 'insert into flip.kept values (new.id, new.user_id, new.role_id); return new;')}`,
    },
  ],
  [
    'that is a view of the rows that are not marked as deleted',
    { shape: `${MARKED}; create unique index on flip.kept (user_id, role_id) where deleted_at is null` },
  ],
  [
    'with numbers, whatever they are written like',
    { shape: `${KEYED} (user_id uuid, role_id int)`, table: { name: 'user_role' }, id: '007' },
    { role_id: 7 },
  ],
])(
  'a table %s: one row after two deploys, and one line',
  async ([, given, held = {}], { cognito, env, databaseUrl }) => {
    await execute(databaseUrl, given.shape);
    for (const [n, added] of [1, 0].entries()) {
      await produceCase(given, cognito.url, env, n);
      await using granter = await openGranter(databaseUrl);
      expect(await granter.grant()).toEqual([expect.objectContaining({ kind: 'granted', added })]);
    }
    expect(await rowsOf(databaseUrl)).toEqual([{ user_id: SUB, role_id: ADMIN, ...held }]);
    expect(await auditOf(databaseUrl)).toHaveLength(1);
  },
);

test.for<[what: string, given: Case, reason: string]>([
  [
    'makes another role of it',
    { shape: trigger(FIRST_SHAPE, 'before insert', `new.role_id := '${RESEARCHER}'; return new;`) },
    'grants-refused',
  ],
  [
    'makes another scope of it',
    { shape: trigger(LATER_SHAPE, 'before insert', `new.trust_id := '${TRUST}'; return new;`), table: LATER_TABLE },
    'grants-refused',
  ],
  [
    'deletes it',
    { shape: trigger(FIRST_SHAPE, 'after insert', 'delete from flip.user_role where id = new.id; return null;') },
    'grants-refused',
  ],
  [
    'deletes it at the commit',
    {
      shape: trigger(FIRST_SHAPE, 'after insert', 'delete from flip.user_role where id = new.id; return null;', {
        deferred: true,
      }),
    },
    'grants-refused',
  ],
  [
    'deletes the one outside of a scope when one within comes',
    {
      shape: trigger(LATER_SHAPE, 'after insert', ONE_ROLE),
      table: LATER_TABLE,
      roles: ['admin', { role: 'researcher', scope: TRUST }],
    },
    'grants-refused',
  ],
  [
    'is a view that would not show it',
    {
      shape: `${FIRST_SHAPE}; alter table flip.user_role rename to kept; alter table flip.kept add deleted_at timestamptz default now();
        create view flip.user_role as select id, user_id, role_id from flip.kept where deleted_at is null with check option`,
    },
    'grants-refused',
  ],
  [
    'lets in one of two roles of a beginner',
    {
      shape: trigger(
        FIRST_SHAPE,
        'before insert',
        `if new.role_id = '${RESEARCHER}' then return null; end if; return new;`,
      ),
      mode: 'bootstrap',
      roles: ['admin', 'researcher'],
    },
    'grants-refused',
  ],
  [
    'has room for one of two roles of a beginner',
    {
      shape: `${KEYED} (user_id uuid primary key, role_id uuid)`,
      table: { name: 'user_role' },
      mode: 'bootstrap',
      roles: ['admin', 'researcher'],
    },
    'grants-refused',
  ],
  [
    'has a rule that PostgreSQL does not take',
    { shape: `${FIRST_SHAPE}; create rule r as on insert to flip.user_role do also select 1` },
    'grants-refused',
  ],
  [
    'is a view that takes no rows',
    {
      shape: `${FIRST_SHAPE}; alter table flip.user_role rename to kept; create view flip.user_role as select distinct * from flip.kept`,
    },
    'grants-refused',
  ],
  [
    'has a row in the way that is marked as deleted',
    { shape: `${MARKED}; create unique index on flip.kept (user_id, role_id)` },
    'grants-refused',
  ],
  [
    'lacks the role at the commit',
    {
      shape: `${FIRST_SHAPE}; delete from flip.roles; alter table flip.user_role alter constraint user_role_role_id_fkey deferrable initially deferred`,
    },
    'role-unknown',
  ],
  [
    'lacks the user at the commit',
    {
      shape: `${FIRST_SHAPE}; create table flip.users (id uuid primary key);
        alter table flip.user_role add foreign key (user_id) references flip.users deferrable initially deferred`,
    },
    'grants-refused',
  ],
  [
    'looks up a role that has no id',
    {
      shape: `${KEYED} (user_id uuid, role_id text); create table flip.roles (id text, name text); insert into flip.roles (name) values ('Admin')`,
      table: { name: 'user_role', roles: {} },
    },
    'role-unknown',
  ],
])('a table that %s blocks the seed, and nothing is left', async ([, given, reason], { cognito, env, databaseUrl }) => {
  await execute(databaseUrl, given.shape);
  await produceCase(given, cognito.url, env);
  await using granter = await openGranter(databaseUrl);

  expect(tally(await granter.grant())).toEqual({ [`blocked: ${reason}`]: 1 });

  expect(await rowsOf(databaseUrl)).toEqual([]);
  expect(await auditOf(databaseUrl)).toEqual([]);
});

test('a table whose trigger takes away what was held blocks the seed, and what was held stays', async ({
  cognito,
  env,
  databaseUrl,
}) => {
  const held = `insert into flip.user_role values (gen_random_uuid(), '${SUB}', '${ADMIN}')`;
  await execute(databaseUrl, trigger(`${FIRST_SHAPE}; ${held}`, 'after insert', ONE_ROLE));
  await produceCase({ shape: '', roles: ['admin', 'researcher'] }, cognito.url, env);
  await using granter = await openGranter(databaseUrl);

  expect(tally(await granter.grant())).toEqual({ 'blocked: grants-refused': 1 });

  expect(await rowsOf(databaseUrl)).toEqual([{ user_id: SUB, role_id: ADMIN }]);
});

test.for<[what: string, given: Case, fix: string]>([
  [
    'an id',
    { shape: `${KEYED} (user_id uuid, role_id int)`, table: { name: 'user_role' } },
    '"role_id" is of type integer. Map grants.table.roles, or correct the ids',
  ],
  [
    'a number out of range',
    { shape: `${KEYED} (user_id uuid, role_id smallint)`, table: { name: 'user_role' }, id: '40000' },
    '"role_id" is of type smallint. Map grants.table.roles, or correct the ids',
  ],
  [
    'an id that was looked up',
    {
      shape: `${FIRST_SHAPE}; alter table flip.user_role drop role_id; alter table flip.user_role add role_id int`,
      table: { ...FIRST_TABLE, roles: {} },
    },
    '"role_id" is of type integer. Correct grants.table.roles.id',
  ],
  [
    'the id of a tenant',
    {
      shape: `${KEYED} (user_id uuid, role_id uuid, tenant_id uuid)`,
      table: { name: 'user_role', columns: { tenant: 'tenant_id' } },
    },
    '"role_id" is of type uuid, "tenant_id" is of type uuid. Map grants.table.roles, or correct the ids',
  ],
  [
    'a constant',
    {
      shape: `${KEYED} (user_id uuid, role_id uuid, made_on date)`,
      table: { name: 'user_role', constants: { made_on: '2026-02-30' } },
    },
    '"role_id" is of type uuid, "made_on" is of type date. Map grants.table.roles, or correct the ids',
  ],
  [
    'a sub',
    { shape: `${KEYED} (user_id varchar(32), role_id uuid)`, table: { name: 'user_role' } },
    '"user_id" is of type character varying, "role_id" is of type uuid. Widen the column, or correct the ids',
  ],
  [
    'a sub too long for a domain',
    { shape: `${SHORT} ${KEYED} (user_id public.short2, role_id uuid)`, table: { name: 'user_role' } },
    '"user_id" is of type character varying, "role_id" is of type uuid. Widen the column, or correct the ids',
  ],
  [
    'a role too long for a domain',
    { shape: `${SHORT} ${KEYED} (user_id uuid, role_id public.short)`, table: { name: 'user_role' } },
    '"user_id" is of type uuid, "role_id" is of type character varying. Widen the column, or correct the ids',
  ],
  [
    'a constant too long for a domain',
    {
      shape: `${SHORT} ${KEYED} (user_id uuid, role_id uuid, made_by public.short)`,
      table: { name: 'user_role', constants: { made_by: 'rolecall' } },
    },
    '"user_id" is of type uuid, "role_id" is of type uuid, "made_by" is of type character varying. Widen the column, or correct the ids',
  ],
])(
  '%s that does not fit its column blocks the seed, and the types are named',
  async ([, given, fix], { cognito, env, databaseUrl }) => {
    await execute(databaseUrl, given.shape);
    await produceCase(given, cognito.url, env);
    await using granter = await openGranter(databaseUrl);

    expect(await granter.grant()).toEqual([
      expect.objectContaining({
        kind: 'blocked',
        reason: 'grants-refused',
        fix: `A value does not fit its column in "flip"."user_role": ${fix}, scopes, constants or tenantValue in the manifest.`,
      }),
    ]);
  },
);

test('bootstrap finds the role that is held in a scope whose text has capitals', async ({
  cognito,
  env,
  databaseUrl,
}) => {
  const scope = TRUST.toUpperCase();
  await execute(
    databaseUrl,
    `${TEXTS}; insert into flip.user_role (user_id, role_id, trust_id) values ('${SUB}', 'R', '${scope}')`,
  );
  await produceCase(
    { shape: '', table: LATER_TABLE, mode: 'bootstrap', roles: [{ role: 'admin', scope }], id: CAPITALS },
    cognito.url,
    env,
  );
  await using granter = await openGranter(databaseUrl);

  expect(tally(await granter.grant())).toEqual({ granted: 1 });

  expect(await rowsOf(databaseUrl, 'role_id, trust_id')).toEqual([{ role_id: 'R', trust_id: scope }]);
});

test('two texts of one scope are one: workers that write them at the same time make one row for each user', async ({
  produce,
  databaseUrl,
}) => {
  await execute(databaseUrl, `${KEYED} (id uuid primary key, user_id uuid, role_id uuid, trust_id int)`);
  const scopes = ['7', '07'];
  await produce({
    tenants: scopes.map((scope, n) => ({
      id: `tenant-${n}`,
      grants: inFlip(LATER_TABLE),
      seeds: people(100).map((email) => ({ email, roles: [{ role: 'admin', scope }] as const })),
    })),
  });
  await using first = await openGranter(databaseUrl);
  await using second = await openGranter(databaseUrl);

  const outcomes = await Promise.all([first.grant('tenant-0'), second.grant('tenant-1')]);

  expect(tally(outcomes.flat())).toEqual({ granted: 200 });
  expect(await rowsOf(databaseUrl)).toHaveLength(100);
  expect(await auditOf(databaseUrl)).toHaveLength(100);
});

test('a ledger that counts anew, as after a restore, takes nobody’s grant for its own', async ({
  produce,
  databaseUrl,
}) => {
  await execute(databaseUrl, FIRST_SHAPE);
  const grantAll = async (seeds: readonly string[]) => {
    await produce({ tenants: [{ grants: inFlip(FIRST_TABLE), seeds }] });
    await using granter = await openGranter(databaseUrl);
    return await granter.grant();
  };
  await grantAll(people(2));
  await execute(databaseUrl, 'drop schema rolecall cascade');

  const outcomes = await grantAll([EMAIL, ...people(2)]); // each has the number that somebody else had

  expect(outcomes).toEqual([1, 0, 0].map((added) => expect.objectContaining({ kind: 'granted', added })));
  expect(await rowsOf(databaseUrl)).toHaveLength(3);
  expect(await auditOf(databaseUrl)).toHaveLength(1);
});

test('row-level security that refuses one row blocks one seed, and says what refused it', async ({
  produce,
  databaseUrl,
}) => {
  const { pathname } = new URL(databaseUrl);
  const user = `limited_${pathname.slice(1)}`;
  await execute(
    databaseUrl,
    `${FIRST_SHAPE}; create role ${user} login password 'password';
     grant usage on schema flip to ${user}; grant select, insert on flip.user_role to ${user};
     alter table flip.user_role enable row level security;
     create policy reading on flip.user_role for select using (true);
     create policy writing on flip.user_role for insert with check (role_id <> '${ADMIN}')`,
  );
  const url = new URL(databaseUrl);
  [url.username, url.password] = [user, 'password'];
  const seeds = people(20).map((email, n): SeedSketch => ({ email, roles: [n === 0 ? 'admin' : 'researcher'] }));
  await produce({ tenants: [{ grants: inFlip(FIRST_TABLE, { databaseUrlEnv: 'FLIP_URL' }), seeds }] });
  await using granter = await openGranter(databaseUrl, { urlOf: () => ({ url: url.href }) });

  const outcomes = await granter.grant();

  expect(tally(outcomes)).toEqual({ granted: 19, 'blocked: grants-refused': 1 });
  expect(outcomes[0]).toMatchObject({ fix: expect.stringMatching(/^Row-level security of "flip"\."user_role"/) });
});
