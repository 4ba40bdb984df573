import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { ledgerOptions } from '#shared/ledger/ledger.ts';
import { managedTablesOptions } from '#shared/managed-tables/managed-tables.ts';
import { migrate } from '../../src/producer/migrate.ts';
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

test('a line of the audit trail can be neither changed nor deleted', async ({ databaseUrl }) => {
  await execute(
    databaseUrl,
    `insert into rolecall.audit (run, tenant, seed, sub, role, event) values (1, 'flip', 1, gen_random_uuid(), gen_random_uuid(), 'granted')`,
  );
  for (const change of ['update rolecall.audit set run = 2', 'delete from rolecall.audit', 'truncate rolecall.audit']) {
    await expect(execute(databaseUrl, change)).rejects.toThrow('append-only');
  }
});

/** The SQL that would bring the database to what the entities say; empty when they agree. */
async function difference(options: ReturnType<typeof ledgerOptions>, schema: string): Promise<string> {
  const orm = await MikroORM.init(options);
  try {
    return (await orm.schema.getUpdateSchemaSQL({ schema, safe: false, dropTables: false, wrap: false })).trim();
  } finally {
    await orm.close(true);
  }
}
