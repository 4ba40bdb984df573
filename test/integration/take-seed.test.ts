import { sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import { createSeedTaker, type SeedToTake } from '../../src/worker/take-seed.ts';
import { people } from '../support/manifest.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { execute } from '../support/sql.ts';
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
  expect(await ledger.em.fork().execute(plans)).toEqual([{ custom_plans: 5, generic_plans: 15 }]);
});

test('whom a walk saw comes with the seed, for a minute, and not after a replay', async ({
  ledger,
  produce,
  databaseUrl,
}) => {
  await produce({ tenants: [{ seeds: people(4) }] }, 'v1');
  const seeds = await recordedSeeds(ledger);
  const ids = seeds.map(({ seedId }) => seedId);
  const sub = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01';
  await execute(
    databaseUrl,
    `insert into rolecall.seen_user select id, '${sub}', clock_timestamp(), clock_timestamp() from rolecall.seed where id <> ${ids[3]};
     update rolecall.seen_user set seen_at = clock_timestamp() - interval '61 seconds' where seed = ${ids[1]};
     update rolecall.seed set state = 'blocked', reason = 'user-missing' where id = ${ids[2]}`,
  );
  const takeSeed = createSeedTaker(ledger.em, await runPrepared(ledger));

  const taken = await Promise.all(seeds.map(takeSeed));

  expect(taken.map((seed) => seed?.seenSub)).toEqual([sub, null, null, null]);
  expect((await takeSeed(seeds[2] as SeedToTake))?.seenSub).toBeNull(); // replayed by the first look at it
});
