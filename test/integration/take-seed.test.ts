import { sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { runPrepared, runUnprepared } from '#shared/ledger/run-statement.ts';
import { createSeedTaker } from '../../src/worker/take-seed.ts';
import { people } from '../support/manifest.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { platformTest as test } from '../support/worker.ts';

test('taking seeds is planned once, also where they come one by one', async ({ produce, databaseUrl }) => {
  const tenants = Array.from({ length: 40 }, (_, n) => ({ id: `tenant-${n}`, seeds: people(50) }));
  await produce({ tenants }, 'v1');
  // One connection, so that what is asked about it is asked in it.
  await using ledger = await openLedger({ url: databaseUrl, maxConnections: 1 });
  const takeSeed = createSeedTaker(ledger.em, await runPrepared(ledger));

  for (const seed of (await recordedSeeds(ledger)).slice(0, 20)) {
    expect(await takeSeed(seed)).toMatchObject({ id: seed.seedId, run: seed.run });
  }

  // PostgreSQL makes five plans for the values at hand before it compares them with one for all values.
  const plans = sql`select custom_plans::int, generic_plans::int from pg_prepared_statements`;
  expect(await runUnprepared(ledger)(plans)).toEqual([{ custom_plans: 5, generic_plans: 15 }]);
});
