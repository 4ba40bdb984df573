import { expect } from 'vitest';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { askGate } from '../../src/ops/gate/ask-gate.ts';
import { untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { FIRST_TABLE, inFlip } from '../support/own-tables.ts';
import { withDatabase } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const ADA = 'ada@example.org';

test.for([
  ['a variable that nobody set', 'database-not-configured', 'APP1_DATABASE_URL is not set, or cannot be used'],
  ['a database that does not exist', 'database-refused', 'APP1_DATABASE_URL: PostgreSQL refuses it (3D000)'],
] as const)('%s is named', async ([, reason, fix], { produce, work, cognito, ledger, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  const grants = inFlip(FIRST_TABLE, { databaseUrlEnv: 'APP1_DATABASE_URL' });
  await produce({ tenants: [{ grants, seeds: [ADA] }] });
  const APP1_DATABASE_URL = withDatabase(databaseUrl, 'no_such_database');

  await work(reason === 'database-refused' ? { APP1_DATABASE_URL } : {});

  await untilStates(databaseUrl, { [ADA]: `blocked: ${reason}` });
  expect(await fixesIn(ledger)).toEqual({ [`flip: ${reason}`]: fix });
});

test('a pool that does not exist is named', async ({ produce, work, ledger, databaseUrl }) => {
  await produce({ tenants: [{ pool: 'eu-west-2_AbCdEfGhX', seeds: [ADA] }] });
  await work();

  await untilStates(databaseUrl, { [ADA]: 'blocked: pool-not-found' });
  expect(await fixesIn(ledger)).toEqual({ 'flip: pool-not-found': 'no pool eu-west-2_AbCdEfGhX in eu-west-2' });
});

/** What the gate says would mend each reason; empty where it is open. */
async function fixesIn({ em }: Ledger): Promise<Record<string, string>> {
  const answer = await askGate(em.fork(), {});
  if (answer.kind !== 'known') throw new Error('the gate was not answered');
  return Object.fromEntries(
    answer.gate.reasons.flatMap(({ tenant, reason, fix }) =>
      fix === undefined ? [] : [[`${tenant}: ${reason}`, fix]],
    ),
  );
}
