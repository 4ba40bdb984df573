import { randomBytes } from 'node:crypto';
import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { expect } from 'vitest';
import { ledgerOptions } from '#shared/ledger/ledger.ts';
import { managedTablesOptions } from '#shared/managed-tables/managed-tables.ts';
import { migrate, MIGRATION_LOCK } from '../../src/producer/migrate.ts';
import { databaseTest as test } from '../support/database.ts';
import { execute } from '../support/sql.ts';

const admin = { id: '64d3145b-034c-4328-b637-8eb54313b7c5', name: 'Admin', description: 'All of it.' };

test('the migrations of the ledger build what its entities describe', async ({ databaseUrl }) => {
  expect(await difference(ledgerOptions({ url: databaseUrl, maxConnections: 2 }), 'rolecall')).toBe('');
});

test('the migrations of the managed tables build what their entities describe', async ({ databaseUrl }) => {
  expect(
    await difference(managedTablesOptions({ url: databaseUrl, schema: 'public', maxConnections: 2 }), 'public'),
  ).toBe('');
});

test('twenty processes migrate an empty database at once, two schemas in it', async ({ databaseUrl }) => {
  await execute(databaseUrl, 'drop schema rolecall cascade; drop schema bullmq cascade; drop schema public cascade');
  const run = () =>
    migrate({
      ledgerUrl: databaseUrl,
      queue: { kind: 'postgres', url: databaseUrl },
      managed: ['public', 'other'].map((schema) => ({ databaseUrlEnv: 'DATABASE_URL', url: databaseUrl, schema })),
      roles: [admin] as never,
    });

  await Promise.all(Array.from({ length: 20 }, run));

  for (const schema of ['public', 'other']) {
    expect(await execute(databaseUrl, `select id, name from ${schema}.roles`)).toEqual([
      { id: admin.id, name: 'Admin' },
    ]);
    expect(await execute(databaseUrl, `select count(*)::int as done from ${schema}.rolecall_migration`)).toEqual([
      { done: 1 },
    ]);
  }
});

test('what is up to date waits for nobody who migrates; a new role does', async ({ databaseUrl }) => {
  await migrateAll(databaseUrl);
  const other = new pg.Client({ connectionString: databaseUrl });
  await other.connect();
  try {
    await other.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await migrateAll(databaseUrl);

    const renamed = migrateAll(databaseUrl, { ...admin, name: 'Owner' });
    const waiting = `select count(*)::int as waiting from pg_locks where locktype = 'advisory' and not granted`;
    await expect.poll(() => execute(databaseUrl, waiting)).toEqual([{ waiting: 1 }]);
    expect(await execute(databaseUrl, 'select name from public.roles')).toEqual([{ name: 'Admin' }]);
    await other.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    await renamed;
    expect(await execute(databaseUrl, 'select name from public.roles')).toEqual([{ name: 'Owner' }]);
  } finally {
    await other.end();
  }
});

test('a user who may create nothing can deploy where nothing is to be created', async ({ databaseUrl }) => {
  await migrateAll(databaseUrl);
  const user = `deployer_${randomBytes(6).toString('hex')}`;
  await execute(
    databaseUrl,
    `create role ${user} login password 'x'; grant usage on schema rolecall, bullmq to ${user};
     grant select on all tables in schema rolecall, bullmq, public to ${user}`,
  );
  const url = Object.assign(new URL(databaseUrl), { username: user, password: 'x' }).href;
  try {
    await migrateAll(url);
    await execute(databaseUrl, `delete from rolecall.migration where name = '0005-kept-slots'`);
    await expect(migrateAll(url)).rejects.toThrow('the user of DATABASE_URL may not migrate its database');
  } finally {
    await execute(databaseUrl, `drop owned by ${user}; drop role ${user}`);
  }
});

test('tables of others by the same names are left alone, and what to do is said', async ({ databaseUrl }) => {
  await execute(databaseUrl, 'create schema theirs; create table theirs.user_role (id int)');
  const managed = [{ databaseUrlEnv: 'FLIP_DATABASE_URL', url: databaseUrl, schema: 'theirs' }];

  const refusal = migrate({
    ledgerUrl: databaseUrl,
    queue: { kind: 'postgres', url: databaseUrl },
    managed,
    roles: [],
  });

  await expect(refusal).rejects.toMatchObject({
    name: 'ConfigError',
    message: expect.stringMatching(/the schema theirs in the database of FLIP_DATABASE_URL .* grants\.table, /),
  });
  expect(await execute(databaseUrl, `select to_regclass('theirs.roles') as roles`)).toEqual([{ roles: null }]);
});

test('a line of the audit trail can be neither changed nor deleted', async ({ databaseUrl }) => {
  await execute(
    databaseUrl,
    `insert into rolecall.audit (run, tenant, seed, sub, role, event) values (1, 'flip', 1, gen_random_uuid(), gen_random_uuid(), 'granted')`,
  );
  for (const change of ['update rolecall.audit set run = 2', 'delete from rolecall.audit', 'truncate rolecall.audit']) {
    await expect(execute(databaseUrl, change)).rejects.toThrow('append-only');
  }
});

test('a ledger of the first version is taken over with its seeds and its audit trail', async ({ databaseUrl }) => {
  await execute(databaseUrl, 'drop schema rolecall cascade');
  const first = await MikroORM.init(ledgerOptions({ url: databaseUrl, maxConnections: 2 }));
  await first.migrator.up({ to: '0001-ledger' });
  await first.close(true);
  await execute(
    databaseUrl,
    `insert into rolecall.audit (run, tenant, seed, sub, role, event)
     values (1, 'flip', 1, '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01', '${admin.id}', 'granted');
     insert into rolecall.seed (run, tenant, email, label, roles, on_missing, ordinal)
     values (1, 'flip', 'a@b', '•••@b', '[{"key": "admin", "id": "${admin.id}"}]', 'block', 0)`,
  );

  await migrate({ ledgerUrl: databaseUrl, queue: { kind: 'postgres', url: databaseUrl }, managed: [], roles: [] });

  expect(await execute(databaseUrl, 'select role, scope from rolecall.audit')).toEqual([
    { role: admin.id, scope: null },
  ]);
  expect(await execute(databaseUrl, 'select mode from rolecall.seed')).toEqual([{ mode: 'ensure' }]);
  expect(await execute(databaseUrl, 'select run::int, state, delta from rolecall.seed_tally')).toEqual([
    { run: 1, state: 'pending', delta: 1 },
  ]);
});

/** Ledger, queue and managed tables of one database. */
function migrateAll(url: string, role = admin): Promise<void> {
  const managed = [{ databaseUrlEnv: 'DATABASE_URL', url, schema: 'public' }];
  return migrate({ ledgerUrl: url, queue: { kind: 'postgres', url }, managed, roles: [role] as never });
}

/** The SQL that would bring the database to what the entities say; empty when they agree. */
async function difference(options: ReturnType<typeof ledgerOptions>, schema: string): Promise<string> {
  const orm = await MikroORM.init(options);
  try {
    return (await orm.schema.getUpdateSchemaSQL({ schema, safe: false, dropTables: false, wrap: false })).trim();
  } finally {
    await orm.close(true);
  }
}
