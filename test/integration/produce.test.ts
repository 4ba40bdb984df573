import { expect, inject } from 'vitest';
import { ReleaseId } from '#shared/contract/ids.ts';
import { recordRun } from '../../src/producer/record-run.ts';
import { freePort } from '../../demo/free-port.ts';
import {
  countStates,
  failedJobs,
  grantsIn,
  statesOf,
  untilCounts,
  untilDelayed,
  untilStates,
} from '../support/ledger.ts';
import { ADMIN, people, POOL, RESEARCHER, writeOut } from '../support/manifest.ts';
import { readBack } from '../support/produce.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const flip = (...seeds: string[]) => ({ tenants: [{ seeds }] });
const runsIn = (databaseUrl: string) =>
  execute(
    databaseUrl,
    'select name, release_id as release, superseded_at is null as current from rolecall.release order by run',
  );

describeOnBothPlatforms('produce', (queueTest) => {
  queueTest('twice for one release: one run, one job per seed', async ({ produce, queue, databaseUrl }) => {
    const sketch = flip(...people(3));
    expect(await produce(sketch, 'v1')).toMatchObject({ recorded: true, seeds: 3, enqueued: 3, superseded: 0 });
    expect(await produce(sketch, 'v1')).toMatchObject({ recorded: false, seeds: 3, enqueued: 3, superseded: 0 });

    expect(await runsIn(databaseUrl)).toEqual([{ name: 'flip', release: 'v1', current: true }]);
    expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 3 });
  });

  queueTest(
    'by twenty replicas that boot together: one run, one job per seed',
    async ({ produce, queue, databaseUrl }) => {
      const produced = await Promise.all(Array.from({ length: 20 }, () => produce(flip(...people(5)), 'v1')));

      expect(produced.filter(({ recorded }) => recorded)).toHaveLength(1);
      expect(new Set(produced.map(({ run }) => run)).size).toBe(1);
      expect(await runsIn(databaseUrl)).toHaveLength(1);
      expect(await countStates(databaseUrl)).toEqual({ pending: 5 });
      expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 5 });
    },
  );

  queueTest(
    'a new run supersedes the unsettled seeds of its name, and of no other',
    async ({ produce, databaseUrl }) => {
      const first = await produce(flip('ada@example.org'), 'v1');
      const other = await produce({ name: 'other', ...flip('ada@example.org') }, 'v1');
      expect(await produce(flip('ada@example.org'), 'v2')).toMatchObject({ recorded: true, superseded: 1 });

      expect(await statesOf(databaseUrl, first.run)).toEqual({ 'ada@example.org': 'superseded' });
      expect(await statesOf(databaseUrl, other.run)).toEqual({ 'ada@example.org': 'pending' });
    },
  );

  queueTest(
    'a new run takes the failed jobs of older ones from the queue, and their delayed ones do nothing',
    async ({ produce, work, cognito, queue, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });
      cognito.setFault({ kind: 'error', name: 'TooManyRequestsException', email: 'ada@example.org' });
      await produce(flip('ada@example.org', 'gone@example.org'), 'v1');
      const worker = await work({ ROLECALL_RETRY_BASE_MS: '3000', ROLECALL_RETRY_CAP_MS: '3000' });
      await untilStates(databaseUrl, {
        'ada@example.org': 'retrying: throttled',
        'gone@example.org': 'blocked: user-missing',
      });
      await untilDelayed(queue, 1);
      await expect.poll(() => failedJobs(queue)).toEqual(['user-missing']);

      await produce(flip('new@example.org'), 'v2');
      const asked = cognito.counts.byEmail['ada@example.org'];
      cognito.clearFaults();
      expect(await failedJobs(queue)).toEqual([]);
      await untilDelayed(queue, 0);

      await untilStates(databaseUrl, { 'new@example.org': 'blocked: user-missing' });
      expect(cognito.counts.byEmail['ada@example.org']).toBe(asked);
      expect(await grantsIn(databaseUrl)).toEqual([]);
      await worker[Symbol.asyncDispose]();
    },
  );

  queueTest(
    'killed between ledger and queue, it adds the jobs when it is run again',
    async ({ produce, queue, databaseUrl }) => {
      await produce(flip(...people(4)), 'v1');
      for (const id of await queue.getRanges(['prioritized'])) await queue.remove(id); // as if they had never been added

      expect(await produce(flip(...people(4)), 'v1')).toMatchObject({ recorded: false, enqueued: 4 });
      expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 4 });
      expect(await countStates(databaseUrl)).toEqual({ pending: 4 });
    },
  );

  queueTest(
    '2,500 seeds go into the queue in chunks, tenants taking turns',
    async ({ produce, queue, databaseUrl }) => {
      const tenants = [
        { id: 'large', seeds: people(2_400) },
        { id: 'small', seeds: people(100) },
      ];
      expect(await produce({ tenants }, 'v1')).toMatchObject({ seeds: 2_500, enqueued: 2_500, tenants: 2 });
      await untilCounts(databaseUrl, { pending: 2_500 });
      expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 2_500 });
      const first = await queue.getJobs(['prioritized'], 0, 99, true);
      const ofSmall = first.filter((job) => (job.data as { tenant: string }).tenant === 'small');
      expect(ofSmall).toHaveLength(50);
    },
  );

  queueTest(
    'no seed is left out, however many ids others took in between, and the first ones of all tenants come first',
    async ({ produce, queue, databaseUrl }) => {
      await execute(databaseUrl, 'alter sequence rolecall.seed_id_seq increment by 700');
      const tenants = [
        { id: 'large', seeds: people(40) },
        { id: 'small', seeds: people(2) },
      ];
      expect(await produce({ tenants }, 'v1')).toMatchObject({ enqueued: 42 });
      expect(await queue.getJobCounts('prioritized')).toEqual({ prioritized: 42 });
      expect(await execute(databaseUrl, 'select tenant, ordinal from rolecall.seed order by id limit 5')).toEqual([
        { tenant: 'large', ordinal: 0 },
        { tenant: 'small', ordinal: 0 },
        { tenant: 'large', ordinal: 1 },
        { tenant: 'small', ordinal: 1 },
        { tenant: 'large', ordinal: 2 },
      ]);
    },
  );
});

test('twenty transactions that record a release at the same moment make one run, also when another is current', async ({
  ledger,
  databaseUrl,
}) => {
  const record = async (release: string) => {
    const { manifest, digest } = await readBack(writeOut(flip(...people(50)), 'http://127.0.0.1:1'), {});
    const wanted = { manifest, digest, release: ReleaseId.parse(release) };
    return Promise.all(Array.from({ length: 20 }, () => recordRun(ledger.em.fork(), wanted)));
  };
  for (const release of ['v1', 'v2']) {
    expect((await record(release)).filter(({ recorded }) => recorded)).toHaveLength(1);
  }
  expect((await runsIn(databaseUrl)).map(({ release, current }) => [release, current])).toEqual([
    ['v1', false],
    ['v2', true],
  ]);
  expect(await countStates(databaseUrl)).toEqual({ pending: 50 });
});

test('a release id that comes with another manifest is refused, and changes nothing', async ({
  produce,
  databaseUrl,
}) => {
  await produce(flip('ada@example.org'), 'v1');
  const before = await statesOf(databaseUrl);

  await expect(produce(flip('eve@example.org'), 'v1')).rejects.toMatchObject({ name: 'ConfigError' });
  await produce(flip('bob@example.org'), 'v2');
  await expect(produce(flip('eve@example.org'), 'v1')).rejects.toThrow('was recorded with another manifest');

  expect(await statesOf(databaseUrl, 1)).toEqual({ 'ada@example.org': 'superseded' });
  expect(before).toEqual({ 'ada@example.org': 'pending' });
  expect(await runsIn(databaseUrl)).toHaveLength(2);
});

test('a rollback to an earlier release is a new run', async ({ produce, databaseUrl }) => {
  const first = await produce(flip('ada@example.org'), 'v1');
  await produce(flip('bob@example.org'), 'v2');
  const back = await produce(flip('ada@example.org'), 'v1');

  expect(back).toMatchObject({ recorded: true, superseded: 1 });
  expect(back.run).toBeGreaterThan(first.run);
  expect(await runsIn(databaseUrl)).toEqual([
    { name: 'flip', release: 'v1', current: false },
    { name: 'flip', release: 'v2', current: false },
    { name: 'flip', release: 'v1', current: true },
  ]);
});

test('without a release id, every run is a release of its own', async ({ produce }) => {
  const [one, two] = [await produce(flip('ada@example.org')), await produce(flip('ada@example.org'))];
  expect(one.release).not.toBe(two.release);
  expect(two).toMatchObject({ recorded: true, superseded: 1 });
});

test.concurrent('a PostgreSQL that does not answer is told within seconds', async ({ produce, env }) => {
  const port = await freePort();
  const started = performance.now();
  const away = { DATABASE_URL: `postgres://ada:s3cret@127.0.0.1:${port}/x`, REDIS_URL: env['REDIS_URL'] };

  const error = await produce(flip('ada@example.org'), 'v1', away).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({
    name: 'UnreachableError',
    message: expect.stringContaining('PostgreSQL (DATABASE_URL)'),
  });
  expect(String(error)).not.toContain('s3cret');
  expect(performance.now() - started).toBeLessThan(13_000);
});

test.concurrent('a Redis that does not answer is told within seconds, and nothing is recorded', async ({
  produce,
  databaseUrl,
}) => {
  const started = performance.now();
  const away = { REDIS_URL: `redis://:s3cret@127.0.0.1:${await freePort()}` };

  const error = await produce(flip('ada@example.org'), 'v1', away).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ name: 'UnreachableError', message: expect.stringContaining('Redis (REDIS_URL)') });
  expect(String(error)).not.toContain('s3cret');
  expect(performance.now() - started).toBeLessThan(13_000);
  expect(await runsIn(databaseUrl)).toEqual([]);
});

test.concurrent('a Redis without a database of that number is told, and nothing is put into another one', async ({
  produce,
  databaseUrl,
  skip,
}) => {
  skip(inject('redisUrl') === null);
  const few = { REDIS_URL: `${inject('redisUrl')}/9999` };

  const error = await produce(flip('ada@example.org'), 'v1', few).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({
    name: 'UnreachableError',
    message: 'Redis (REDIS_URL) refuses: it has no database of that number (ERR_DB_INDEX)',
  });
  expect(await runsIn(databaseUrl)).toEqual([]);
});

test('replicas that boot together agree on one run, whatever the isolation of the database is', async ({
  produce,
  databaseUrl,
}) => {
  const isolation = `set default_transaction_isolation = ''repeatable read''`;
  await execute(
    databaseUrl,
    `do $$ begin execute format('alter database %I ${isolation}', current_database()); end $$`,
  );

  const produced = await Promise.all(Array.from({ length: 6 }, () => produce(flip('ada@example.org'), 'v1')));

  expect(produced.filter(({ recorded }) => recorded)).toHaveLength(1);
});

test('every seed is recorded with its own roles, whoever else holds the same', async ({ produce, databaseUrl }) => {
  const seeds = [
    { email: 'ada@example.org', roles: ['admin'] },
    { email: 'bob@example.org', roles: ['researcher', 'admin'] },
    { email: 'cy@example.org', roles: ['admin'] },
    { email: 'dee@example.org', roles: ['admin', 'researcher'] },
  ] as const;
  await produce(
    {
      tenants: [
        { id: 'one', seeds },
        { id: 'two', seeds: seeds.slice(1) },
      ],
    },
    'v1',
  );

  const admin = { key: 'admin', id: ADMIN };
  const researcher = { key: 'researcher', id: RESEARCHER };
  const others = [
    { email: 'bob@example.org', roles: [researcher, admin] },
    { email: 'cy@example.org', roles: [admin] },
    { email: 'dee@example.org', roles: [admin, researcher] },
  ];
  expect(await execute(databaseUrl, 'select email, roles from rolecall.seed order by tenant, email')).toEqual([
    { email: 'ada@example.org', roles: [admin] },
    ...others,
    ...others,
  ]);
});

test('a role that the table knows under another id is refused, and nothing is written', async ({
  produce,
  databaseUrl,
}) => {
  const other = '00000000-0000-4000-8000-000000000001';
  await execute(databaseUrl, `insert into public.roles (id, name) values ($1, 'Admin')`, [other]);

  const error = await produce(flip('ada@example.org'), 'v1').catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ name: 'ConfigError' });
  expect(String(error)).toContain(`the manifest says id ${ADMIN}, the table says ${other}`);
  expect(await execute(databaseUrl, 'select id from public.roles')).toEqual([{ id: other }]);
  expect(await runsIn(databaseUrl)).toEqual([]);
});
