import { expect } from 'vitest';
import type { Fault } from '../../demo/cognito/emulator.ts';
import { failedJobs, grantsIn, statesOf, untilCounts, untilStates } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));
/** Enough seeds for a walk through a small pool. */
const MANY = people(40);
const ALL_GRANTED = Object.fromEntries(MANY.map((email) => [email, 'granted']));

describeOnBothPlatforms('a pool of which a release wants many', (queueTest) => {
  queueTest(
    'is walked through once: 500 seeds of 600 users take 11 requests',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: usersOf(people(600)) });
      await produce({ tenants: [{ seeds: people(500) }] }, 'v1');
      await work();
      await untilCounts(databaseUrl, { granted: 500 });
      expect(cognito.counts.calls).toMatchObject({ ListUsers: 10, DescribeUserPool: 1, AdminGetUser: 0 });
      expect(await grantsIn(databaseUrl)).toHaveLength(500);
      await expect.poll(() => queue.getJobCounts('delayed', 'failed')).toEqual({ delayed: 0, failed: 0 });
    },
  );

  queueTest(
    'makes nobody missing, ambiguous, disabled or unverified by that: those are asked for directly',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      const [missing = '', twice = '', off = '', unverified = '', ...clear] = MANY;
      cognito.addPool({
        id: POOL,
        users: [
          ...usersOf(clear),
          ...usersOf([twice, twice]),
          { email: off, enabled: false },
          { email: unverified, emailVerified: false },
        ],
      });
      await produce({ tenants: [{ seeds: MANY }] }, 'v1');
      await work();
      await untilStates(databaseUrl, {
        ...ALL_GRANTED,
        [missing]: 'blocked: user-missing',
        [twice]: 'blocked: email-ambiguous',
        [off]: 'skipped: user-disabled',
        [unverified]: 'blocked: email-unverified',
      });
      expect(cognito.counts.byEmail).toEqual({ [missing]: 2, [twice]: 1, [off]: 1, [unverified]: 1 });
      await expect.poll(() => failedJobs(queue)).toEqual(['email-ambiguous', 'email-unverified', 'user-missing']);
    },
  );

  queueTest(
    'is done when it was walked through, also those who had been told meanwhile to wait for slots',
    async ({ cognito, produce, work, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: usersOf(people(200)) });
      cognito.setFault({ kind: 'latency', operation: 'DescribeUserPool', ms: 3_000 }); // as where a thousand pools are decided on
      await produce({ tenants: [{ requestsPerSecond: 5, seeds: people(200) }] }, 'v1');
      await work();
      await untilCounts(databaseUrl, { granted: 200 }, 25_000); // slots for all take 40 seconds
      expect(cognito.counts.calls.ListUsers).toBeLessThan(100);
    },
  );
});

test('who is created after the walk is found', async ({ cognito, produce, work, databaseUrl }) => {
  const [late = '', ...others] = MANY;
  cognito.addPool({ id: POOL, users: usersOf(others) });
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work({ ROLECALL_MISSING_RECHECK_MS: '1000' });
  await expect.poll(() => cognito.counts.byEmail[late], { timeout: 5_000 }).toBe(1);
  cognito.addUser(POOL, { email: late });
  await untilStates(databaseUrl, ALL_GRANTED);
  expect(cognito.counts.byEmail).toEqual({ [late]: 2 });
});

test('a linked federated profile is no second user', async ({ cognito, produce, work, databaseUrl }) => {
  const [linked = '', ...others] = MANY;
  const native = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01';
  const identities = JSON.stringify([{ userId: '1234', providerName: 'Google' }]);
  cognito.addPool({
    id: POOL,
    users: [
      ...usersOf(others),
      { email: linked, username: 'Google_1234', status: 'EXTERNAL_PROVIDER' },
      { email: linked, sub: native, identities },
    ],
  });
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work();
  await untilStates(databaseUrl, ALL_GRANTED);
  expect(cognito.counts.byEmail).toEqual({});
  expect(await grantsIn(databaseUrl)).toContainEqual(expect.objectContaining({ user_id: native }));
});

test('two tenants share the walk through the pool that they share', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: usersOf(MANY) });
  const tenants = [
    { id: 'a', seeds: MANY.slice(0, 20) },
    { id: 'b', seeds: MANY.slice(20) },
  ];
  await produce({ tenants }, 'v1');
  await work();
  await untilCounts(databaseUrl, { granted: 40 });
  expect(cognito.counts.calls).toMatchObject({ ListUsers: 1, DescribeUserPool: 1 });
});

test('who was created anew for a new run is granted by the new sub', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: usersOf(MANY) });
  const [ada = ''] = MANY;
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work();
  await untilCounts(databaseUrl, { granted: 40 });
  cognito.removeUser(POOL, ada);
  const { sub } = cognito.addUser(POOL, { email: ada });
  await produce({ tenants: [{ seeds: MANY }] }, 'v2');
  await untilCounts(databaseUrl, { granted: 40 });
  expect(await grantsIn(databaseUrl)).toContainEqual(expect.objectContaining({ user_id: sub }));
  expect(cognito.counts.calls).toMatchObject({ ListUsers: 2, DescribeUserPool: 1 });
});

describeOnBothPlatforms('a release that comes while a pool is walked through', (queueTest) => {
  queueTest(
    'looks for itself: who is gone or disabled gets nothing',
    async ({ cognito, produce, work, databaseUrl }) => {
      const seeds = people(300);
      const [gone = '', disabled = ''] = seeds; // on its first page
      cognito.addPool({ id: POOL, users: usersOf(seeds) });
      cognito.setLatency(200);
      await produce({ tenants: [{ seeds }] }, 'v1');
      await Promise.all([work(), work()]);
      await expect.poll(() => cognito.counts.calls.ListUsers, { interval: 5 }).toBeGreaterThanOrEqual(2);

      cognito.removeUser(POOL, gone);
      cognito.updateUser(POOL, disabled, { enabled: false });
      await produce({ tenants: [{ seeds }] }, 'v2');

      await untilCounts(databaseUrl, { granted: 298, blocked: 1, skipped: 1 });
      expect(await statesOf(databaseUrl)).toMatchObject({
        [gone]: 'blocked: user-missing',
        [disabled]: 'skipped: user-disabled',
      });
    },
  );
});

test('a run that wants many is counted anew after one that wanted few', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: usersOf(people(120)) });
  await produce({ tenants: [{ seeds: people(3) }] }, 'v1');
  await work();
  await untilCounts(databaseUrl, { granted: 3 });
  expect(cognito.counts.calls).toMatchObject({ ListUsers: 3, DescribeUserPool: 0 });

  await produce({ tenants: [{ seeds: people(100) }] }, 'v2');
  await untilCounts(databaseUrl, { granted: 100 });
  expect(cognito.counts.calls).toMatchObject({ ListUsers: 3 + 2, DescribeUserPool: 1 });
});

test.for<[what: string, fault: Fault]>([
  ['refuses to say its size', { kind: 'error', operation: 'DescribeUserPool', name: 'AccessDeniedException' }],
  ['is too busy to say its size', { kind: 'error', operation: 'DescribeUserPool', name: 'TooManyRequestsException' }],
  ['does not know its size', { kind: 'http', operation: 'DescribeUserPool', status: 200, body: '{"UserPool":{}}' }],
])('a pool that %s is asked for each email', async ([, fault], { cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: usersOf(MANY) });
  cognito.setFault(fault);
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work();
  await untilStates(databaseUrl, ALL_GRANTED);
  expect(cognito.counts.calls).toMatchObject({ ListUsers: MANY.length, DescribeUserPool: 1 });
});

test('a large pool is asked for each email', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: usersOf(MANY), syntheticUsers: 200_000 });
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work();
  await untilStates(databaseUrl, ALL_GRANTED);
  expect(cognito.counts.calls).toMatchObject({ ListUsers: MANY.length, DescribeUserPool: 1 });
});

test('a walk through a pool that is larger than estimated is given up in time', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: usersOf(MANY), syntheticUsers: 200_000, estimatedNumberOfUsers: 100 });
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work();
  await untilStates(databaseUrl, ALL_GRANTED);
  expect(cognito.counts.calls.ListUsers).toBe(MANY.length + MANY.length); // as many pages as there were seeds, then the seeds
});

test.for<[what: string, fault: Omit<Fault, 'kind'> & Partial<Fault>]>([
  ['a throttle', { kind: 'error', name: 'TooManyRequestsException' }],
  ['a token that is no longer good', { kind: 'error', name: 'InvalidParameterException' }],
  ['an outage', { kind: 'http', status: 503, body: '', times: 3 }],
])('%s in the middle of a walk blocks nobody', async ([, fault], { cognito, produce, work, queue, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: usersOf(people(600)), pageSize: 10 });
  cognito.setLatency(30);
  await produce({ tenants: [{ seeds: people(120) }] }, 'v1');
  await work();
  await expect.poll(() => cognito.counts.calls.ListUsers, { timeout: 5_000, interval: 5 }).toBeGreaterThan(2);
  expect(cognito.counts.byEmail).toEqual({}); // nobody is asked for while the walk is under way
  cognito.setFault({ kind: 'error', operation: 'ListUsers', times: 1, ...fault });
  await untilCounts(databaseUrl, { granted: 120 });
  expect(await failedJobs(queue)).toEqual([]);
});

test('empty pages on the way do not end a walk', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: usersOf(MANY), emptyFirstPages: 2, pageSize: 30 });
  await produce({ tenants: [{ seeds: MANY }] }, 'v1');
  await work();
  await untilStates(databaseUrl, ALL_GRANTED);
  expect(cognito.counts.calls.ListUsers).toBe(4);
});

test('a walk under way does not hold up a shutdown, nor the jobs of other pools', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  const other = 'eu-west-2_Other';
  cognito.addPool({ id: POOL, users: usersOf(MANY) });
  cognito.addPool({ id: other, users: usersOf(['ada@example.org']) });
  cognito.setFault({ kind: 'hang', operation: 'ListUsers', pool: POOL });
  const tenants = [
    { id: 'large', seeds: MANY },
    { id: 'small', pool: other, seeds: ['ada@example.org'] },
  ];
  await produce({ tenants }, 'v1');
  const worker = await work({ ROLECALL_CONCURRENCY: '1' });
  await expect.poll(async () => (await statesOf(databaseUrl))['ada@example.org'], { timeout: 5_000 }).toBe('granted');
  expect(cognito.counts.calls.ListUsers).toBe(2);

  const stopping = performance.now();
  await worker[Symbol.asyncDispose]();
  expect(performance.now() - stopping).toBeLessThan(3_000);
});

test('the metrics say what answered', async ({ cognito, produce, work, databaseUrl }) => {
  const [missing = '', ...others] = MANY;
  cognito.addPool({ id: POOL, users: usersOf(others) });
  const seeds = [{ email: missing, onMissing: 'skip' as const }, ...others];
  await produce({ tenants: [{ seeds }] }, 'v1');
  const { url } = await work();
  await untilStates(databaseUrl, { ...ALL_GRANTED, [missing]: 'skipped: user-missing' });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('rolecall_lookups_total{source="scan"} 39');
  expect(metrics).toContain('rolecall_lookups_total{source="filter"} 2');
  expect(metrics).toContain('rolecall_cognito_requests_total{operation="DescribeUserPool",outcome="ok"} 1');
});
