import { MikroORM, sql } from '@mikro-orm/postgresql';
import { expect, vi } from 'vitest';
import { SEED_STATES } from '#shared/contract/seed-state.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import { ledgerOptions, type Ledger } from '#shared/ledger/ledger.ts';
import { moveToSuperseded } from '#shared/ledger/move-seed.ts';
import { askGate } from '../../src/ops/gate/ask-gate.ts';
import { migrate } from '../../src/producer/migrate.ts';
import { compactTally } from '../../src/worker/upkeep/compact-tally.ts';
import { databaseTest as test } from '../support/database.ts';
import { recordedRun, times } from '../support/recorded-run.ts';
import { moveSeed } from '../support/move-seed.ts';
import { execute } from '../support/sql.ts';
import { tallyErrors } from '../support/tally.ts';

const SUB = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' as never;

/** What a producer writes, of that many seeds. */
const insertSeeds = (count: number) => sql`
  insert into rolecall.seed (run, tenant, email, label, roles, on_missing, ordinal)
  select 1, 't' || n % 7, gen_random_uuid() || '@example.org', 'label', '[]', 'block', n from generate_series(1, ${count}) as n`;

/** Any of the statements that change seeds, at random: of one seed, of many, across states, or of none. */
const CHANGES: readonly ((ledger: Ledger) => Promise<unknown>)[] = [
  ({ em }) => em.fork().execute(insertSeeds(5)),
  ({ em }) => em.fork().execute(sql`delete from rolecall.seed where id = ${anyId()}`),
  ({ em }) => em.fork().execute(sql`update rolecall.seed set attempts = attempts + 1`),
  ({ em }) => em.fork().execute(sql`update rolecall.seed set state = 'pending' where id % 10 = ${anyId() % 10}`),
  ({ em }) => moveSeed(em.fork(), anyId() as never, { kind: 'granted', sub: SUB }),
  ({ em }) => moveSeed(em.fork(), anyId() as never, { kind: 'blocked', reason: 'user-missing' }),
  ({ em }) => moveSeed(em.fork(), -1 as never, { kind: 'granted', sub: SUB }),
  async ({ em }) => {
    const undone = em.fork().transactional(async (tx) => {
      await tx.execute(insertSeeds(5));
      await tx.execute(sql`update rolecall.seed set state = 'skipped' where id = ${anyId()}`);
      throw new Error('roll back');
    });
    await expect(undone).rejects.toThrow('roll back');
  },
];

const anyId = () => 1 + Math.floor(Math.random() * 300);
const anyState = () => SEED_STATES[Math.floor(Math.random() * SEED_STATES.length)];

test('the tally is what the seeds are, at every moment of concurrent changes and compactions', async ({
  ledger,
  databaseUrl,
}) => {
  await ledger.em.execute(insertSeeds(300));
  const change = () => CHANGES[Math.floor(Math.random() * CHANGES.length)]?.(ledger);
  const done = new AbortController();
  const workers = Array.from({ length: 5 }, async () => {
    for (let n = 0; n < 60; n += 1) await whateverTheOrderOfLocks(change);
  });
  const compactors = Array.from({ length: 2 }, async () => {
    while (!done.signal.aborted) await compactTally(ledger.em.fork());
  });
  const watching = (async () => {
    while (!done.signal.aborted) expect(await tallyErrors(databaseUrl)).toEqual([]);
  })();
  await Promise.all(workers);
  done.abort();
  await Promise.all([...compactors, watching]);

  expect(await tallyErrors(databaseUrl)).toEqual([]);
});

/** Statements over many seeds lock them in an order of their own; PostgreSQL then ends one of two. */
async function whateverTheOrderOfLocks(change: () => Promise<unknown> | undefined): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (codeOf(error) !== '40P01') throw error;
  }
}

test('compaction leaves a row for each run and state that has seeds, and waits for nobody', async ({
  ledger,
  databaseUrl,
}) => {
  const { run } = await recordedRun(ledger, { seeds: times(40, { state: 'pending' }) });
  await recordedRun(ledger, { name: 'other', seeds: times(3, { state: 'granted' }) });
  await moveToSuperseded(ledger.em.fork(), [run]);

  await ledger.em.fork().transactional(async (tx) => {
    await tx.execute(sql`update rolecall.seed set state = 'retrying' where state = 'granted'`);
    await compactTally(ledger.em.fork()); // beside what is not committed
    expect(await tallyErrors(databaseUrl)).toEqual([]);
  });

  expect(await tallyErrors(databaseUrl)).toEqual([]);
  await compactTally(ledger.em.fork());
  expect(await execute(databaseUrl, 'select run::int, state, delta from rolecall.seed_tally order by run')).toEqual([
    { run: 1, state: 'superseded', delta: 40 },
    { run: 2, state: 'retrying', delta: 3 },
  ]);
});

test('a migration counts the seeds that are there, while workers of the older version go on', async ({
  databaseUrl,
}) => {
  await execute(databaseUrl, 'drop schema rolecall cascade');
  const older = await MikroORM.init(ledgerOptions({ url: databaseUrl, maxConnections: 4 }));
  await older.migrator.up({ to: '0002-own-tables' });
  await older.em.execute(insertSeeds(2_000));
  const done = new AbortController();
  let moves = 0;
  const workers = Array.from({ length: 3 }, async () => {
    while (!done.signal.aborted) {
      await older.em.fork().execute(sql`update rolecall.seed set state = ${anyState()} where id = ${anyId()}`);
      moves += 1;
    }
  });
  await vi.waitUntil(() => moves > 20, 10_000);

  await migrate({ ledgerUrl: databaseUrl, queue: { kind: 'postgres', url: databaseUrl }, managed: [], roles: [] });
  const before = moves;
  await vi.waitUntil(() => moves > before + 20, 10_000);
  done.abort();
  await Promise.all(workers);
  await older.close(true);

  expect(await tallyErrors(databaseUrl)).toEqual([]);
});

test('a gate does not open on a tally that the seeds contradict', async ({ ledger }) => {
  await recordedRun(ledger, { seeds: times(3, { state: 'granted' }) });
  const gate = async () => (await askGate(ledger.em.fork(), {})) as { gate: { state: string } };
  expect((await gate()).gate).toMatchObject({ state: 'open', counts: { granted: 3 } });
  await ledger.em.execute(sql`alter table rolecall.seed disable trigger user`); // as a restore by hand may

  await ledger.em.execute(sql`update rolecall.seed set state = 'pending' where ordinal = 1`);
  expect((await gate()).gate).toMatchObject({ state: 'pending', open: false });

  await ledger.em.execute(sql`delete from rolecall.seed`);
  expect((await gate()).gate).toMatchObject({ state: 'pending', open: false });
});
