import { randomBytes } from 'node:crypto';
import { inject, test as base } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { execute, withDatabase } from './sql.ts';

/** `test` with a private, migrated PostgreSQL database per test, and its ledger. Copying files is the cheaper way to clone one. */
export const databaseTest = base
  .extend('databaseUrl', async ({}, { onCleanup }) => {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await execute(inject('adminUrl'), `create database ${name} template template_rolecall strategy file_copy`);
    onCleanup(async () => void (await execute(inject('adminUrl'), `drop database ${name} with (force)`)));
    return withDatabase(inject('adminUrl'), name);
  })
  .extend('ledger', async ({ databaseUrl }, { onCleanup }) => {
    const ledger = await openLedger({ url: databaseUrl, maxConnections: 10 });
    onCleanup(() => ledger.close(true));
    return ledger;
  });
