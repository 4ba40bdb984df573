import { sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { seedJobId } from '#shared/contract/seed-job.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { addJobs } from '#shared/queue/add-jobs.ts';
import type { QueueTarget } from '#shared/queue/queue-target.ts';
import { UsageError, type CommandIo } from '#shared/runtime/command.ts';
import { createLogger } from '#shared/runtime/logger.ts';
import { UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { replayCommand } from '../../src/ops/replay.command.ts';
import { replaySeeds } from '../../src/ops/replay-seeds.ts';
import { completedJobs, failedJobs, jobStates, toQueue } from '../support/failed-jobs.ts';
import { databaseTest } from '../support/database.ts';
import { freePort } from '../../demo/free-port.ts';
import { describeOnBothQueues } from '../support/queue.ts';
import { recordedRun, statesOf, times } from '../support/recorded-run.ts';

const BLOCKED = { state: 'blocked', reason: 'user-missing' } as const;

/** The command as the command line runs it. */
async function replay(target: QueueTarget, databaseUrl: string, options: Record<string, unknown>) {
  const printed: string[] = [];
  const env = { DATABASE_URL: databaseUrl, ...(target.kind === 'redis' && { REDIS_URL: redisUrl(target) }) };
  const code = await replayCommand.run({ json: true, ...options }, io(env, printed));
  return { code, ...JSON.parse(printed.join('')) };
}

function redisUrl({ node, db }: Extract<QueueTarget, { kind: 'redis' }>): string {
  return `redis://${node.host}:${node.port}/${db}`;
}

function io(env: CommandIo['env'], printed: string[]): CommandIo {
  const signal = new AbortController().signal;
  return { env, out: (text) => printed.push(text), say: () => {}, log: createLogger('silent'), signal, fancy: false };
}

async function replayedAt({ em }: Ledger): Promise<number> {
  const [row] = await em
    .fork()
    .execute<{ count: number }[]>(sql`select count(replayed_at)::int as count from rolecall.seed`);
  return row?.count ?? 0;
}

describeOnBothQueues('a replay', (test) => {
  test('puts the seed and its failed job back to work', async ({ ledger, queue, target, databaseUrl }) => {
    const { run, seeds } = await recordedRun(ledger, { seeds: [...times(3, BLOCKED), { state: 'granted' }] });
    await failedJobs(target, queue, seeds.slice(0, 3));

    expect(await replay(target, databaseUrl, { all: true })).toEqual({ code: 0, replayed: 3, readded: 0 });

    expect(await statesOf(ledger, run)).toEqual(['pending', 'pending', 'pending', 'granted']);
    expect(await replayedAt(ledger)).toBe(3);
    expect(await jobStates(queue, seeds.slice(0, 3))).toEqual(['prioritized', 'prioritized', 'prioritized']);
  });

  test('forgets the attempts before it', async ({ ledger, queue, target, databaseUrl }) => {
    const { seeds } = await recordedRun(ledger, { seeds: [BLOCKED] });
    await failedJobs(target, queue, seeds);

    await replay(target, databaseUrl, { all: true });

    const job = await queue.getJob(seedJobId(seeds[0] as (typeof seeds)[number])); // the one that was recorded
    expect(job).toMatchObject({ attemptsMade: 0 });
    expect(job?.failedReason).toBeFalsy();
  });

  test('adds the jobs that have gone or are done', async ({ ledger, queue, target, databaseUrl }) => {
    const { run, seeds } = await recordedRun(ledger, { seeds: times(4, BLOCKED) });
    await completedJobs(target, queue, seeds.slice(0, 1));
    await failedJobs(target, queue, seeds.slice(1, 2));

    expect(await replay(target, databaseUrl, { all: true })).toEqual({ code: 0, replayed: 4, readded: 3 });

    expect(new Set(await statesOf(ledger, run))).toEqual(new Set(['pending']));
    expect(new Set(await jobStates(queue, seeds))).toEqual(new Set(['prioritized']));
    const payloads = (await queue.getJobs(['prioritized'])).map(({ data }) => JSON.stringify(data));
    expect(payloads.join()).not.toContain('blocked0@example.org');
  });

  test('leaves a job alone that will run anyway', async ({ ledger, queue, target, databaseUrl }) => {
    const { run, seeds } = await recordedRun(ledger, { seeds: [BLOCKED] });
    await addJobs(queue, seeds.map(toQueue));

    expect(await replay(target, databaseUrl, { all: true })).toEqual({ code: 0, replayed: 1, readded: 0 });

    expect(await statesOf(ledger, run)).toEqual(['pending']);
    expect(await jobStates(queue, seeds)).toEqual(['prioritized']);
  });

  test('of two at once, each seed is replayed by one', async ({ ledger, queue, target }) => {
    const { run, seeds } = await recordedRun(ledger, { seeds: times(30, BLOCKED) });
    await failedJobs(target, queue, seeds);
    const once = () => replaySeeds(ledger.em, queue, { runs: [run] });

    const both = await Promise.all([once(), once()]);

    expect(both.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(30);
    expect(new Set(await jobStates(queue, seeds))).toEqual(new Set(['prioritized']));
  });
});

const onPostgres = (url: string): QueueTarget => ({ kind: 'postgres', url });

databaseTest('a replay takes the seeds that are meant, and no others', async ({ ledger, databaseUrl }) => {
  const { run } = await recordedRun(ledger, {
    seeds: [
      { tenant: 'north', email: 'Ann@example.org', ...BLOCKED },
      { tenant: 'north', email: 'bob@example.org', state: 'blocked', reason: 'email-unverified' },
      { tenant: 'south', email: 'ann@example.org', ...BLOCKED },
      { tenant: 'south', email: 'cid@example.org', state: 'retrying', reason: 'throttled' },
    ],
  });
  const only = (options: Record<string, unknown>) => replay(onPostgres(databaseUrl), databaseUrl, options);

  expect(await only({ tenant: 'north', reason: 'access-denied' })).toMatchObject({ code: 0, replayed: 0 });
  expect(await only({ tenant: 'south', reason: 'email-unverified' })).toMatchObject({ code: 0, replayed: 0 });
  expect(await only({ tenant: 'north', email: ' ANN@example.ORG ' })).toMatchObject({ replayed: 1 });
  expect(await statesOf(ledger, run)).toEqual(['pending', 'blocked', 'blocked', 'retrying']);
  expect(await only({ reason: 'email-unverified' })).toMatchObject({ replayed: 1 });
  expect(await only({ email: 'ann@example.org' })).toMatchObject({ replayed: 1 });
  expect(await statesOf(ledger, run)).toEqual(['pending', 'pending', 'pending', 'retrying']);
});

databaseTest('a replay is of current runs, or of the release that is named', async ({ ledger, databaseUrl }) => {
  const old = await recordedRun(ledger, { release: 'r0', superseded: true, seeds: [BLOCKED] });
  const now = await recordedRun(ledger, { seeds: [BLOCKED] });
  const other = await recordedRun(ledger, { name: 'other', seeds: [BLOCKED] });

  expect(await replay(onPostgres(databaseUrl), databaseUrl, { all: true })).toMatchObject({ replayed: 2 });

  expect(await statesOf(ledger, old.run)).toEqual(['blocked']);
  expect(await statesOf(ledger, now.run)).toEqual(['pending']);
  expect(await statesOf(ledger, other.run)).toEqual(['pending']);
  expect(await replay(onPostgres(databaseUrl), databaseUrl, { all: true, release: 'r0' })).toMatchObject({
    replayed: 1,
  });
});

databaseTest('more seeds than one page holds are replayed', async ({ ledger, databaseUrl }) => {
  const { run } = await recordedRun(ledger, { seeds: [BLOCKED] });
  await ledger.em.execute(sql`
    insert into rolecall.seed (run, tenant, email, label, roles, on_missing, ordinal, state, reason)
    select run, tenant, 'p' || i || '@example.org', label, roles, on_missing, i, state, reason
    from rolecall.seed, generate_series(1, 1200) as i`);

  expect(await replay(onPostgres(databaseUrl), databaseUrl, { all: true })).toMatchObject({ replayed: 1201 });
  expect(new Set(await statesOf(ledger, run))).toEqual(new Set(['pending']));
});

databaseTest('with Redis away a replay changes nothing', async ({ ledger, databaseUrl }) => {
  const { run } = await recordedRun(ledger, { seeds: [BLOCKED] });
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: `redis://127.0.0.1:${await freePort()}` };

  await expect(replayCommand.run({ all: true }, io(env, []))).rejects.toThrow(UnreachableError);

  expect(await statesOf(ledger, run)).toEqual(['blocked']);
});

databaseTest('a tenant that no current run has is said, and is no success', async ({ ledger, databaseUrl }) => {
  const said: string[] = [];
  const ofTenant = (tenant: string) =>
    replayCommand.run({ tenant }, { ...io({ DATABASE_URL: databaseUrl }, []), say: (text) => said.push(text) });

  expect(await ofTenant('flip')).toBe(4); // nothing was ever produced
  await recordedRun(ledger, { release: 'r0', superseded: true, seeds: [{ tenant: 'left', ...BLOCKED }] });
  await recordedRun(ledger, { seeds: [{ tenant: 'flip', ...BLOCKED }] });
  expect([await ofTenant('left'), await ofTenant('flpi'), await ofTenant('flip')]).toEqual([4, 4, 0]);

  const ofTenants = ['left', 'flpi'].map((tenant) => `no seeds of the tenant ${tenant}`);
  expect(said).toEqual(['no current release in this ledger', ...ofTenants]);
});

databaseTest(
  'a release or a manifest that nobody produced is said, and is no success',
  async ({ ledger, databaseUrl }) => {
    await recordedRun(ledger, { seeds: [BLOCKED] });
    const said: string[] = [];
    const of = (options: object) =>
      replayCommand.run(
        { all: true, ...options },
        { ...io({ DATABASE_URL: databaseUrl }, []), say: (text) => said.push(text) },
      );

    expect([await of({ release: 'nope' }), await of({ name: 'nope' })]).toEqual([4, 4]);

    expect(said).toEqual(['no release nope in this ledger', 'no current release of nope in this ledger']);
  },
);

databaseTest.for([{}, { name: 'flip' }, { all: true, tenant: 'flip' }, { reason: 'no-such-reason' }, { email: 'x' }])(
  'a replay of %o is refused: which seeds is not clear',
  async (options) => {
    await expect(replayCommand.run(options, io({}, []))).rejects.toThrow(UsageError);
  },
);
