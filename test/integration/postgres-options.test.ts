import { MikroORM, sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { managedTablesOptions } from '#shared/managed-tables/managed-tables.ts';
import { databaseTest as test } from '../support/database.ts';

test('a URL that requires TLS is not connected to in the clear', async ({ databaseUrl }) => {
  const url = `${databaseUrl}?sslmode=require`; // the server of the tests has no TLS
  await using ledger = await openLedger({ url, maxConnections: 1 });
  await using grants = await MikroORM.init(managedTablesOptions({ url, schema: 'public', maxConnections: 1 }));

  for (const { em } of [ledger, grants]) {
    await expect(em.fork().execute(sql`select 1`)).rejects.toThrow('does not support SSL');
  }
});

test('a process that freezes in a transaction lets go of its locks within the minute', async ({ ledger }) => {
  const [limit] = await ledger.em.execute(sql`select current_setting('idle_in_transaction_session_timeout') as limit`);
  expect(limit).toEqual({ limit: '45s' });
});
