import { expect } from 'vitest';
import { RunId, Sub, type SeedId } from '#shared/contract/ids.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { runPrepared, type RunStatement } from '#shared/ledger/run-statement.ts';
import type { UserPool } from '../../src/worker/cognito/user-directory.ts';
import { createSeenUsers } from '../../src/worker/walks/seen-users.ts';
import { createWalkBook, type WantedWalk } from '../../src/worker/walks/walk-book.ts';
import { people, POOL } from '../support/manifest.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { execute } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const [ONE, TWO] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
const poolOf = (id: string): UserPool => ({ id, region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 });
const walkOf = (id: string, run = 1, seeds = 40): WantedWalk => ({
  pool: poolOf(id),
  domain: 'own/eu-west-2/user-list',
  run: RunId.parse(run),
  seeds,
});
const subOf = (n: number) => Sub.parse(`00000000-0000-4000-8000-00000000000${n}`);
const bookOf = async (ledger: Ledger) => createWalkBook(() => ledger.em.fork(), await runPrepared(ledger));
/** As if so much time had passed. */
const age = (databaseUrl: string, seconds: number) =>
  execute(
    databaseUrl,
    `update rolecall.walker set until = until - interval '${seconds} seconds';
     update rolecall.pool_walk set wanted_at = wanted_at - interval '${seconds} seconds',
       ended_at = ended_at - interval '${seconds} seconds', described_at = described_at - interval '${seconds} seconds';
     update rolecall.seen_user set seen_at = seen_at - interval '${seconds} seconds'`,
  );

test('many workers that ask for many pools at once want each walk once', async ({ ledger }) => {
  const books = await Promise.all(Array.from({ length: 4 }, () => bookOf(ledger)));
  const pools = Array.from({ length: 50 }, (_, n) => `pool-${n}`);
  await Promise.all(books.flatMap((book, at) => pools.map((pool) => book.ask(walkOf(pool, 1, 10 + at)))));
  const known = await Promise.all(pools.map((pool) => books[0]?.ask(walkOf(pool, 1, 99))));
  expect(new Set(known.map((walk) => walk?.pool.id))).toEqual(new Set(pools));
  expect(known.every((walk) => walk?.phase === 'wanted')).toBe(true);
});

test('one of many walks in a domain, until it lets go or is gone for long', async ({ ledger, databaseUrl }) => {
  const book = await bookOf(ledger);
  const domains = ['a', 'b'];
  const holds = await Promise.all([ONE, TWO].map((worker) => book.hold(worker, domains)));
  expect(holds.map((held) => held.length).toSorted()).toEqual([0, 2]);
  const [holder, other] = holds[0]?.length === 2 ? [ONE, TWO] : [TWO, ONE];

  expect(await book.hold(holder, domains)).toEqual(domains);
  expect(await book.hold(other, domains)).toEqual([]);
  await book.release(holder, ['a']);
  expect(await book.hold(other, domains)).toEqual(['a']);
  await age(databaseUrl, 5);
  expect(await book.hold(other, domains)).toEqual(domains);
});

test('a walk is known as its walker tells it, and wanted anew when that one is gone', async ({
  ledger,
  databaseUrl,
}) => {
  const book = await bookOf(ledger);
  const walk = walkOf(POOL);
  const wanted = await book.ask(walk);
  expect(wanted).toMatchObject({
    ...walk,
    phase: 'wanted',
    comeBackAtMs: null,
    endedAtMs: null,
    size: null,
    walker: null,
  });
  await book.hold(ONE, [walk.domain]);
  await book.tell({ ...walk, phase: 'walking', comeBackMs: 700 });

  const known = await book.ask(walkOf(POOL, 2));
  expect(known).toMatchObject({ phase: 'walking', run: 1, walker: ONE, wantedAtMs: wanted?.wantedAtMs });
  expect((known?.comeBackAtMs ?? 0) - (known?.nowMs ?? 0)).toBeGreaterThan(0);
  expect(await book.open([walk.domain])).toMatchObject([{ phase: 'walking', seeds: 40 }]);
  expect(await book.open(['another'])).toEqual([]);

  await age(databaseUrl, 5);
  expect(await book.ask(walkOf(POOL, 2))).toMatchObject({ phase: 'wanted', run: 2, walker: null, comeBackAtMs: null });
});

test.for([
  ['walked', false, 'wanted'],
  ['declined', false, 'wanted'],
  ['declined', true, 'declined'],
] as const)(
  'what is %s (for newer runs as well: %s) counts for a minute, and for a newer run is %s',
  async ([phase, alsoForNewRuns, forNewer], { ledger, databaseUrl }) => {
    const book = await bookOf(ledger);
    await book.ask(walkOf(POOL, 2));
    const endedAtMs = await book.tell({
      ...walkOf(POOL, 2),
      phase,
      alsoForNewRuns,
      size: { users: 60, roundTripMs: 12.5 },
    });
    await book.tell({ ...walkOf(POOL, 2), phase: 'walking', comeBackMs: 1 }); // came late

    const known = await book.ask(walkOf(POOL, 1));
    expect(known).toMatchObject({ phase, alsoForNewRuns, run: 2, size: { users: 60, roundTripMs: 12.5 } });
    expect(Math.abs((known?.endedAtMs ?? 0) - endedAtMs)).toBeLessThan(1_000);
    expect(await book.ask(walkOf(POOL, 3))).toMatchObject({ phase: forNewer });
    await age(databaseUrl, 61);
    expect(await book.ask(walkOf(POOL, 3))).toMatchObject({ phase: 'wanted', size: { users: 60 } });
    await age(databaseUrl, 240);
    expect(await book.ask(walkOf(POOL, 3))).toMatchObject({ size: null });
  },
);

test('what is told of a walk that a newer run wanted anew meanwhile changes nothing', async ({
  ledger,
  databaseUrl,
}) => {
  const book = await bookOf(ledger);
  await book.ask(walkOf(POOL, 1));
  await age(databaseUrl, 5);
  await book.ask(walkOf(POOL, 2));
  await book.tell({ ...walkOf(POOL, 1), phase: 'walked' });
  expect(await book.ask(walkOf(POOL, 2))).toMatchObject({ phase: 'wanted' });
});

test('what nobody wanted for a day is forgotten, and nothing else', async ({ ledger, databaseUrl }) => {
  const book = await bookOf(ledger);
  const DAY_S = 86_400;
  await book.ask(walkOf('old'));
  await age(databaseUrl, DAY_S);
  await book.ask(walkOf('new'));
  await book.prune();
  const left = await execute(databaseUrl, `select user_pool ->> 'id' as id from rolecall.pool_walk`);
  expect(left).toEqual([{ id: 'new' }]);
});

test('of the users of a pool only those who are wanted are noted, and forgotten after a minute', async ({
  ledger,
  databaseUrl,
  produce,
}) => {
  await produce({ name: 'one', tenants: [{ id: 'old', seeds: people(3) }] }, 'v1');
  await produce({ name: 'one', tenants: [{ id: 'a', seeds: people(4) }] }, 'v2');
  await produce({
    name: 'two',
    tenants: [
      { id: 'b', seeds: people(2) },
      { id: 'c', pool: 'eu-west-2_Other', seeds: people(2) },
    ],
  });
  const poolOfTenant = async (tenant: string) => {
    const settings = `select settings -> 'userPool' as pool from rolecall.release_tenant where tenant = '${tenant}'`;
    const [{ pool }] = (await execute(databaseUrl, settings)) as [{ pool: UserPool }];
    return pool;
  };
  const users = new Map(['stranger@example.org', ...people(3)].map((email, n) => [email, subOf(n)]));
  const seen = createSeenUsers(() => ledger.em.fork(), await runPrepared(ledger));

  const [shared, own] = [await poolOfTenant('a'), await poolOfTenant('c')];

  const [tenants, others] = await Promise.all([
    seen.note({ pool: shared, users, wantedAtMs: Date.now() }),
    seen.note({ pool: own, users: new Map(people(1).map((email) => [email, subOf(9)])), wantedAtMs: Date.now() }),
  ]);

  expect([...tenants].toSorted()).toEqual(['a', 'b']);
  expect([...others]).toEqual(['c']);
  const seeds = await recordedSeeds(ledger);
  const found = await Promise.all(seeds.map(async ({ seedId, tenant }) => [tenant, await seen.find(seedId)]));
  expect(found).toEqual([
    ['a', subOf(1)],
    ['a', subOf(2)],
    ['a', subOf(3)],
    ['a', null],
    ['b', subOf(1)],
    ['b', subOf(2)],
    ['c', subOf(9)],
    ['c', null],
  ]);
  expect(await execute(databaseUrl, 'select count(*)::int from rolecall.seen_user')).toEqual([{ count: 6 }]);
  // What was mended before a replay may not be in an older walk.
  const [first, second] = seeds.map(({ seedId }) => seedId);
  await execute(databaseUrl, `update rolecall.seed set replayed_at = clock_timestamp() where id = ${first}`);
  await execute(databaseUrl, `update rolecall.seed set replayed_at = to_timestamp(0) where id = ${second}`);
  expect([await seen.find(first as SeedId), await seen.find(second as SeedId)]).toEqual([null, subOf(2)]);

  await age(databaseUrl, 60);
  expect(await seen.find(second as SeedId)).toBeNull();
  await seen.prune();
  expect(await execute(databaseUrl, 'select * from rolecall.seen_user')).toEqual([]);
});

test('whom a small walk saw is noted while a large one is', async ({ ledger }) => {
  const prepared = await runPrepared(ledger);
  const large = Promise.withResolvers<void>();
  const statement: RunStatement = async (each) => {
    if (JSON.stringify(each.params).includes('large')) await large.promise;
    return prepared(each);
  };
  const seen = createSeenUsers(() => ledger.em.fork(), statement);
  const many = new Map(people(101).map((email) => [email, subOf(1)]));

  const notedLarge = seen.note({ pool: poolOf('large'), users: many, wantedAtMs: Date.now() });
  const noted = await seen.note({ pool: poolOf('small'), users: new Map(), wantedAtMs: Date.now() });

  expect(noted).toEqual(new Set());
  large.resolve();
  expect(await notedLarge).toEqual(new Set());
});
