import { sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { ReleaseId } from '#shared/contract/ids.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { askGate } from '../../src/ops/gate/ask-gate.ts';
import { replaySeeds } from '../../src/ops/replay-seeds.ts';
import { compactTally } from '../../src/worker/upkeep/compact-tally.ts';
import { pruneJobs } from '../../src/worker/upkeep/prune-jobs.ts';
import { pruneSeeds } from '../../src/worker/upkeep/prune-seeds.ts';
import { databaseTest as test } from '../support/database.ts';
import { completedJobs, failedJobs } from '../support/failed-jobs.ts';
import { describeOnBothQueues } from '../support/queue.ts';
import { recordedRun, times } from '../support/recorded-run.ts';
import { execute } from '../support/sql.ts';
import { tallyErrors } from '../support/tally.ts';

const never = new AbortController().signal;
const KEEP = { age: 3600, count: 1_000 };

/** A run that a newer one took over from so many days ago. */
async function oldRun(ledger: Ledger, release: string, days: number, seeds = times(2, { state: 'granted' })) {
  const run = await recordedRun(ledger, { release, superseded: true, seeds });
  await ledger.em.execute(
    sql`update rolecall.release set superseded_at = now() - make_interval(days => ${days}) where run = ${run.run}`,
  );
  return run;
}

const gateOf = async (ledger: Ledger, release: string) => {
  const answer = await askGate(ledger.em.fork(), { release: ReleaseId.parse(release) });
  return answer.kind === 'known' ? answer.gate : answer;
};

const seedsOf = (databaseUrl: string) =>
  execute(databaseUrl, 'select run::int, count(*)::int as seeds from rolecall.seed group by run order by run');

test('seeds and tenants of a run that was superseded long ago are deleted, and nothing else', async ({
  ledger,
  databaseUrl,
}) => {
  const old = await oldRun(ledger, 'old', 31);
  const recent = await oldRun(ledger, 'recent', 29);
  const current = await recordedRun(ledger, { release: 'current', seeds: times(3, { state: 'granted' }) });
  await ledger.em.execute(sql`
    insert into rolecall.audit (run, tenant, seed, sub, role, event)
    values (${old.run}, 'flip', 1, gen_random_uuid(), 'admin', 'granted')`);

  expect(await pruneSeeds(ledger.em.fork(), 30, never)).toBe(2);
  expect(await pruneSeeds(ledger.em.fork(), 30, never)).toBe(0);

  expect(await seedsOf(databaseUrl)).toEqual([
    { run: recent.run, seeds: 2 },
    { run: current.run, seeds: 3 },
  ]);
  expect(await execute(databaseUrl, 'select run::int from rolecall.release_tenant order by run')).toEqual([
    { run: recent.run },
    { run: current.run },
  ]);
  expect(await execute(databaseUrl, 'select release_id from rolecall.release where pruned_at is not null')).toEqual([
    { release_id: 'old' },
  ]);
  expect(await execute(databaseUrl, 'select run::int from rolecall.audit')).toEqual([{ run: old.run }]);
  await compactTally(ledger.em.fork());
  expect(await tallyErrors(databaseUrl)).toEqual([]);
  expect(await execute(databaseUrl, 'select run::int from rolecall.seed_tally order by run')).toEqual([
    { run: recent.run },
    { run: current.run },
  ]);
});

test('the gate of a pruned run is unknown and says why, and that of the others is not touched', async ({ ledger }) => {
  const { run } = await oldRun(ledger, 'old', 31);
  await recordedRun(ledger, { release: 'current', seeds: times(3, { state: 'granted' }) });
  expect(await gateOf(ledger, 'old')).toMatchObject({ state: 'open' });

  await pruneSeeds(ledger.em.fork(), 30, never);

  expect(await gateOf(ledger, 'old')).toMatchObject({
    state: 'unknown',
    open: false,
    run,
    problem: expect.stringContaining('ROLECALL_RETENTION_DAYS'),
  });
  expect(await gateOf(ledger, 'current')).toMatchObject({ state: 'open' });
});

test('a worker that dies over it leaves a gate that is unknown, and the next one finishes', async ({
  ledger,
  databaseUrl,
}) => {
  const { run } = await oldRun(ledger, 'old', 31);
  await recordedRun(ledger, { release: 'current', seeds: times(1, { state: 'granted' }) });
  await ledger.em.execute(sql`
    insert into rolecall.seed (run, tenant, email, label, roles, on_missing, ordinal, state)
    select ${run}, 'flip', n || '@example.org', 'label', '[]', 'block', n, 'granted' from generate_series(1, 11998) as n`);
  await ledger.em.execute(sql`update rolecall.release set seeds = 12000 where run = ${run}`);
  await execute(
    databaseUrl,
    `create function die() returns trigger language plpgsql as $$ begin
       if (select count(*) from rolecall.seed) < 5000 then raise exception 'died'; end if; return null; end $$;
     create trigger die after delete on rolecall.seed for each statement execute function die()`,
  );

  await expect(pruneSeeds(ledger.em.fork(), 30, never)).rejects.toThrow('died');
  expect(await seedsOf(databaseUrl)).toMatchObject([{ run, seeds: 7_000 }, { seeds: 1 }]);
  expect(await gateOf(ledger, 'old')).toMatchObject({ state: 'unknown' });

  await execute(databaseUrl, 'drop trigger die on rolecall.seed');
  expect(await pruneSeeds(ledger.em.fork(), 30, never)).toBe(7_000);
  expect(await seedsOf(databaseUrl)).toMatchObject([{ seeds: 1 }]);
  expect(await tallyErrors(databaseUrl)).toEqual([]);
});

test('four workers that prune at once delete each seed once', async ({ ledger }) => {
  for (const release of ['a', 'b', 'c']) await oldRun(ledger, release, 31, times(5, { state: 'superseded' }));

  const pruned = await Promise.all(Array.from({ length: 4 }, async () => pruneSeeds(ledger.em.fork(), 30, never)));

  expect(pruned.reduce((sum, each) => sum + each, 0)).toBe(15);
});

describeOnBothQueues('old jobs', (queueTest) => {
  queueTest('that failed go with their run, and of the current run they stay', async ({ ledger, queue, target }) => {
    const blocked = { state: 'blocked', reason: 'user-missing' } as const;
    const old = await oldRun(ledger, 'old', 0, times(1_050, blocked)); // its producer died before it removed them
    const current = await recordedRun(ledger, { release: 'current', seeds: times(3, blocked) });
    await failedJobs(target, queue, [...old.seeds.slice(0, 500), ...current.seeds]);
    await failedJobs(target, queue, old.seeds.slice(500));

    await pruneJobs(ledger.em.fork(), queue, KEEP, never);

    expect(await queue.getFailedCount()).toBe(3);
    expect(await replaySeeds(ledger.em.fork(), queue, { runs: [current.run] })).toEqual({ replayed: 3, readded: 0 });
  });

  queueTest('that are completed go by age and by number, the oldest first', async ({ ledger, queue, target }) => {
    const { seeds } = await recordedRun(ledger, { seeds: times(30, { state: 'granted' }) });
    await completedJobs(target, queue, seeds.slice(0, 10));
    await completedJobs(target, queue, seeds.slice(10));

    await pruneJobs(ledger.em.fork(), queue, KEEP, never);
    expect(await queue.getCompletedCount()).toBe(30);

    await pruneJobs(ledger.em.fork(), queue, { ...KEEP, count: 20 }, never);
    const left = await queue.getRanges(['completed']);
    expect(await queue.getCompletedCount()).toBe(20);
    expect(left).not.toContain(`r${seeds[0]?.run}-s${seeds[0]?.seedId}`);

    await pruneJobs(ledger.em.fork(), queue, { ...KEEP, age: 0 }, never);
    expect(await queue.getCompletedCount()).toBe(0);
  });
});
