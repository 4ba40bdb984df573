import { expect } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { waitForSchema } from '#shared/ledger/wait-for-schema.ts';
import { missingRights } from '../../src/worker/ledger-rights.ts';
import { databaseTest as test } from '../support/database.ts';
import { execute } from '../support/sql.ts';

test('a worker whose user lacks rights to the ledger does not start, and says what would grant them', async ({
  databaseUrl,
}) => {
  const url = new URL(databaseUrl);
  const user = `reader_${url.pathname.slice(1)}`;
  [url.username, url.password] = [user, 'password'];
  await execute(
    databaseUrl,
    `create role ${user} login password 'password'; grant usage on schema rolecall to ${user};
     grant select on all tables in schema rolecall to ${user}; grant update on rolecall.seed to ${user}`,
  );
  await using ledger = await openLedger({ url: url.href, maxConnections: 1 });
  const start = () => waitForSchema(ledger, { queueSchemaVersion: null, alsoMissing: missingRights, boundMs: 300 });

  const refusal = await start().catch((error: unknown) => error);

  expect(refusal).toMatchObject({ name: 'UnreachableError' });
  const [, grants = ''] = /workers need: (.*)$/.exec(String(refusal)) ?? [];
  expect(grants).toMatch(/^grant update on rolecall\.release_tenant to reader_/);
  expect(grants).toContain('grant usage on sequence rolecall.audit_id_seq to reader_');
  await execute(databaseUrl, grants);
  await start();
});
