import type { UserType } from '@aws-sdk/client-cognito-identity-provider';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Email, RunId, TenantId } from '#shared/contract/ids.ts';
import type { CognitoRequests, UserPage } from '../../../../src/worker/cognito/cognito-requests.ts';
import { createPoolScans, type PoolDemand } from '../../../../src/worker/cognito/pool-scans.ts';
import type { UserPool } from '../../../../src/worker/cognito/user-directory.ts';

const SUB = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01';
const RUN = RunId.parse(1);
const FOUND = { kind: 'found', sub: SUB, enabled: true, emailVerified: true };

const poolOf = (id: string, region = 'eu-west-2'): UserPool => ({
  id,
  region,
  lookup: 'ListUsers',
  requestsPerSecond: 20,
});
const domainOf = ({ region }: UserPool, operation: string) => `${region} ${operation}`;
const POOL = poolOf('eu-west-2_A');
const emailOf = (n: number) => Email.parse(`person-${n}@example.org`);

function user(n: number): UserType {
  const attributes = { email: emailOf(n), sub: SUB, email_verified: 'true' };
  return { Enabled: true, Attributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })) };
}

interface World {
  demand: PoolDemand;
  users: number;
  estimate: number | null;
  nowMs: number;
  maxKeptUsers: number;
  /** Awaited before each page is given. */
  page: () => Promise<void>;
  describe: () => Promise<void>;
}

/** A Cognito with one list of users for all pools, and what was asked of it. */
function scansOf(given: Partial<World> = {}) {
  const world: World = {
    demand: { seeds: 1_000_000, workers: 1 },
    users: 90,
    estimate: 90,
    nowMs: 0,
    maxKeptUsers: 500,
    page: async () => {},
    describe: async () => {},
    ...given,
  };
  const asked: string[] = [];
  const requests: CognitoRequests = {
    prepare: async () => {},
    getUser: () => Promise.reject(new Error('not here')),
    async describePool({ id }) {
      asked.push(`describe ${id}`);
      await world.describe();
      return { users: world.estimate, roundTripMs: 0 };
    },
    async listUsers({ id }, { token, signal }): Promise<UserPage> {
      const from = Number(token ?? 0);
      asked.push(`page of ${id}`);
      await world.page();
      signal.throwIfAborted();
      const to = Math.min(from + 60, world.users);
      const users = Array.from({ length: to - from }, (_, n) => user(from + n));
      return { users, token: to < world.users ? `${to}` : undefined };
    },
  };
  let counted = 0;
  const count = async () => {
    counted += 1;
    return world.demand;
  };
  const now = () => world.nowMs;
  const { maxKeptUsers } = world;
  const walked: string[] = [];
  const scans = createPoolScans({
    requests,
    count,
    domainOf,
    answered: () => {},
    walked: ({ id }, tenants) => walked.push(`${id}: ${[...tenants].join(', ')}`),
    now,
    maxKeptUsers,
  });
  onTestFinished(() => scans[Symbol.asyncDispose]());
  const look = (n = 0, userPool = POOL, run = RUN, tenant = 'flip', replayedAtMs: number | null = null) =>
    scans.look({ email: emailOf(n), userPool, run, tenant: TenantId.parse(tenant), replayedAtMs });
  const settle = async (...args: Parameters<typeof look>) => {
    await vi.waitFor(async () => expect(await look(...args)).not.toMatchObject({ kind: 'paced' }));
    return look(...args);
  };
  return { world, asked, walked, scans, look, settle, counted: () => counted };
}

/** Held until it is opened. */
function barrier() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, open: resolve };
}

test('whoever wants a user while a walk is under way comes back when it should be over', async () => {
  const [first, second] = [barrier(), barrier()];
  const pages = [first.wait, second.wait];
  const { world, asked, look, settle } = scansOf({
    page: () => pages.shift()?.() ?? Promise.resolve(),
    estimate: 300,
    demand: { seeds: 400, workers: 1 },
  });
  await look();
  await vi.waitFor(() => expect(asked).toContain('page of eu-west-2_A'));
  expect(await look()).toEqual({ kind: 'paced', waitMs: 50 });
  world.nowMs = 150;
  first.open();
  await vi.waitFor(() => expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(2));
  expect(await look()).toEqual({ kind: 'paced', waitMs: 600 }); // four of five pages, 150 ms each
  world.nowMs = 60_000;
  expect(await look()).toEqual({ kind: 'paced', waitMs: 2_000 });
  second.open();
  expect(await settle()).toEqual(FOUND);
});

test('all who want somebody of a pool share one count, one description and one walk', async () => {
  const { asked, look, settle, counted } = scansOf();
  await Promise.all(Array.from({ length: 50 }, (_, n) => look(n)));
  expect(await settle(89)).toEqual(FOUND);
  expect(asked).toEqual(['describe eu-west-2_A', 'page of eu-west-2_A', 'page of eu-west-2_A']);
  expect(counted()).toBe(1);
});

test('what was seen counts for a minute; the size of the pool for five', async () => {
  const { world, asked, settle } = scansOf();
  await settle();
  world.nowMs += 59_000;
  expect(await settle()).toEqual(FOUND);
  expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(2);
  world.nowMs += 2_000;
  expect(await settle()).toEqual(FOUND);
  expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(4);
  expect(asked.filter((one) => one.startsWith('describe'))).toHaveLength(1);
  world.nowMs += 300_000;
  await settle();
  expect(asked.filter((one) => one.startsWith('describe'))).toHaveLength(2);
});

test('a newer run sees the pool with its own eyes, an older one through them', async () => {
  const { asked, settle } = scansOf();
  for (const run of [2, 1, 3, 2, 3]) expect(await settle(0, POOL, RunId.parse(run))).toEqual(FOUND);
  expect(asked).toEqual(['describe eu-west-2_A', ...Array.from({ length: 4 }, () => 'page of eu-west-2_A')]);
});

test('a decision that takes long is not waited for in vain', async () => {
  const size = barrier();
  const { world, look, settle } = scansOf({ describe: size.wait });
  expect(await look()).toEqual({ kind: 'paced', waitMs: 100 });
  world.nowMs = 1_000;
  expect(await look()).toBeNull();
  size.open();
  await vi.waitFor(async () => expect(await settle()).toEqual(FOUND));
});

test('who wants few is told so without waiting, and is counted again for a newer run or after a minute', async () => {
  const { world, asked, look, settle, counted } = scansOf({ demand: { seeds: 9, workers: 1 } });
  expect(await look()).toBeNull();
  expect(await look()).toBeNull();
  expect([asked, counted()]).toEqual([[], 1]);
  world.nowMs = 60_000;
  expect([await look(), counted()]).toEqual([null, 2]);
  world.demand = { seeds: 1_000, workers: 1 };
  expect([await look(), counted()]).toEqual([null, 2]);
  expect(await settle(0, POOL, RunId.parse(2))).toEqual(FOUND);
});

test('a newer run that comes while a walk is under way has one of its own', async () => {
  const page = barrier();
  const { asked, look } = scansOf({ page: page.wait });
  const first = look();
  await vi.waitFor(() => expect(asked).toContain('page of eu-west-2_A'));
  const newer = look(0, POOL, RunId.parse(2));
  page.open();
  expect(await Promise.all([first, newer])).toEqual([FOUND, FOUND]);
  expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(4); // two pages, twice
});

test('who was replayed since a walk began is looked for directly: what was mended may not be in it', async () => {
  const { world, settle } = scansOf();
  world.nowMs = 1_000;
  await settle();
  world.nowMs = 2_000;
  expect(await settle(0, POOL, RUN, 'flip', 1_500)).toBeNull();
  expect(await settle(0, POOL, RUN, 'flip', 500)).toEqual(FOUND);
});

test('a failed walk is not tried again at once, not even for a newer run', async () => {
  let failing = true;
  const page = () => (failing ? Promise.reject(new Error('throttled')) : Promise.resolve());
  const { world, asked, settle } = scansOf({ page });
  expect(await settle()).toBeNull();
  failing = false;
  expect(await settle(0, POOL, RunId.parse(2))).toBeNull();
  expect(asked).toHaveLength(2);
  world.nowMs = 60_000;
  expect(await settle()).toEqual(FOUND);
});

const countInVain = () => Promise.reject(new Error('away'));

test('when a walk is over it is told whose users were read, also of those who went on without it', async () => {
  const deciding = barrier();
  const { world, walked, look } = scansOf({ describe: deciding.wait });
  await Promise.all([look(0, POOL, RUN, 'one'), look(1, POOL, RUN, 'two')]);
  world.nowMs = 1_000;
  expect(await look(2, POOL, RUN, 'three')).toBeNull();
  expect(walked).toEqual([]);
  deciding.open();
  await vi.waitFor(() => expect(walked).toEqual([`${POOL.id}: one, two, three`]));
});

test('of a pool that is not walked through nothing is told', async () => {
  const { walked, settle } = scansOf({ estimate: null });
  expect(await settle()).toBeNull();
  expect(walked).toEqual([]);
});

test('a ledger that cannot count leaves everybody to the direct look', async () => {
  const requests = {} as CognitoRequests; // nothing is asked
  const nothing = { answered: () => {}, walked: () => {} };
  await using scans = createPoolScans({ requests, count: countInVain, domainOf, ...nothing, now: () => 0 });
  const wanted = { email: emailOf(0), userPool: POOL, run: RUN, tenant: TenantId.parse('flip'), replayedAtMs: null };
  expect(await scans.look(wanted)).toBeNull();
});

test('a pool of more than 20,000 users is given up, whatever was estimated', async () => {
  const { asked, settle } = scansOf({ users: 20_001, estimate: 10 });
  expect(await settle()).toBeNull();
  expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(Math.ceil(20_001 / 60));
});

test('so many users are kept over all pools: the pool that was asked for least recently goes', async () => {
  const { asked, settle } = scansOf({ users: 100, estimate: 100 });
  const [first = POOL, second = POOL, ...others] = ['A', 'B', 'C', 'D', 'E'].map((id) => poolOf(`eu-west-2_${id}`));
  for (const pool of [first, second, ...others]) await settle(0, pool);
  await settle(0, first);
  await settle(0, poolOf('eu-west-2_F'));
  const before = asked.length;
  expect(await settle(0, first)).toEqual(FOUND);
  expect(asked.length).toBe(before);
  expect(await settle(0, second)).toEqual(FOUND);
  expect(asked.length).toBeGreaterThan(before);
});

test('where the walks under way need all of that, the next pool is left to the direct look', async () => {
  const held = barrier();
  const { asked, look, settle } = scansOf({ users: 100, estimate: 100, page: held.wait });
  for (const id of ['A', 'B', 'C', 'D', 'E']) await look(0, poolOf(`eu-west-2_${id}`, `region-${id}`)); // each its own quota
  await vi.waitFor(() => expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(5));
  expect(await settle(0, poolOf('eu-west-2_F'))).toBeNull();
  held.open();
});

test('the same pool read by another role, or elsewhere, is another one', async () => {
  const { asked, settle } = scansOf();
  await settle();
  await settle(0, { ...POOL, assumeRole: { arn: 'arn:aws:iam::111122223333:role/rolecall' } });
  await settle(0, { ...POOL, region: 'eu-west-1' });
  expect(asked.filter((one) => one.startsWith('describe'))).toHaveLength(3);
});

test('a walk ends with the process', async () => {
  const held = barrier();
  const { scans, asked, look } = scansOf({ page: held.wait });
  await look();
  await vi.waitFor(() => expect(asked).toContain('page of eu-west-2_A'));
  const closed = scans[Symbol.asyncDispose]();
  held.open();
  await closed;
  expect(await look()).toBeNull();
});

const pagesOf = (asked: readonly string[]) => asked.filter((one) => one.startsWith('page')).map((one) => one.slice(-1));

test('walks of one quota come one after another, each with its own deadline; those of others beside them', async () => {
  const held = barrier();
  const timeouts = vi.spyOn(AbortSignal, 'timeout');
  onTestFinished(() => timeouts.mockRestore());
  const { asked, look, settle } = scansOf({ page: held.wait });
  const [first, second, elsewhere] = [poolOf('A'), poolOf('B'), poolOf('C', 'eu-west-1')];
  await look(0, first);
  await Promise.all([look(0, second), look(0, elsewhere)]);
  expect(pagesOf(asked)).toEqual(['A', 'C']);
  expect(timeouts).toHaveBeenCalledTimes(3 + 2); // to say how large they are, and to be walked through
  held.open();
  expect([await settle(0, first), await settle(0, second), await settle(0, elsewhere)]).toEqual([FOUND, FOUND, FOUND]);
  expect(pagesOf(asked).filter((pool) => pool !== 'C')).toEqual(['A', 'A', 'B', 'B']);
  expect(timeouts).toHaveBeenCalledTimes(3 + 3);
});

test('whoever waits for a walk that waits for others comes back when it should be over, and sits nothing out', async () => {
  const held = barrier();
  const { world, look } = scansOf({ page: held.wait, estimate: 1_200, maxKeptUsers: 20_000 }); // 20 pages, 50 ms each
  const start = performance.now();
  await look(0, poolOf('A'));
  const patience = performance.now() - start;
  expect(await look(0, poolOf('B'))).toEqual({ kind: 'paced', waitMs: 2_000 });
  expect(await look(0, poolOf('C'))).toEqual({ kind: 'paced', waitMs: 3_000 });
  expect(performance.now() - start - patience).toBeLessThan(patience / 2);
  world.demand = { seeds: 10, workers: 1 };
  held.open();
});

test('few who wait come back every two seconds at most', async () => {
  const held = barrier();
  const { look } = scansOf({
    page: held.wait,
    estimate: 6_000,
    maxKeptUsers: 20_000,
    demand: { seeds: 200, workers: 1 },
  });
  await look(0, poolOf('A'));
  expect(await look(0, poolOf('B'))).toEqual({ kind: 'paced', waitMs: 2_000 });
  held.open();
});

test('a pool whose lookups are done before its turn to be walked through is not', async () => {
  const held = barrier();
  const { world, asked, look, settle } = scansOf({ page: held.wait, estimate: 6_000, maxKeptUsers: 20_000 }); // 5 s
  await look(0, poolOf('A'));
  Object.assign(world, { estimate: 60, demand: { seeds: 100, workers: 1 } }); // a page, or 5 s of lookups
  expect(await look(0, poolOf('B'))).toBeNull();
  world.demand = { seeds: 60, workers: 1 }; // 3 s of lookups, twice that beside the others
  expect(await look(0, poolOf('C'))).toMatchObject({ kind: 'paced' });
  held.open();
  expect(await settle(0, poolOf('C'))).toEqual(FOUND);
  expect(pagesOf(asked)).not.toContain('B');
});

test('a queue that takes far longer than anybody could foresee is left', async () => {
  const held = barrier();
  const { world, asked, scans, look } = scansOf({ page: held.wait, demand: { seeds: 200, workers: 1 } });
  await look(0, poolOf('A'));
  expect(await look(0, poolOf('B'))).toMatchObject({ kind: 'paced' });
  world.nowMs = 14_000; // 10 s of lookups, and some more
  expect(await look(0, poolOf('B'))).toMatchObject({ kind: 'paced' });
  world.nowMs = 16_000;
  expect(await look(0, poolOf('B'))).toBeNull();
  expect(await look(0, poolOf('A'))).toMatchObject({ kind: 'paced' }); // it has a deadline of its own
  held.open();
  await scans[Symbol.asyncDispose]();
  expect(pagesOf(asked)).not.toContain('B');
});

test('nobody is kept in memory for longer than they count, even if nobody looks', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const { world, scans, settle } = scansOf();
  await settle();
  world.nowMs = 59_000;
  vi.advanceTimersByTime(5_000);
  expect(scans.keptUsers()).toBe(90);
  world.nowMs = 60_000;
  vi.advanceTimersByTime(5_000);
  expect(scans.keptUsers()).toBe(0);
});
