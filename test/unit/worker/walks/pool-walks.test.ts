import type { UserType } from '@aws-sdk/client-cognito-identity-provider';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Email, emailKey, RunId, SeedId, Sub, TenantId } from '#shared/contract/ids.ts';
import type { CognitoRequests, UserPage } from '../../../../src/worker/cognito/cognito-requests.ts';
import { poolKey, type UserPool } from '../../../../src/worker/cognito/user-directory.ts';
import { createPoolWalks, type PoolWalksDeps } from '../../../../src/worker/walks/pool-walks.ts';
import { KEEP_MS, LEASE_MS, type KnownWalk } from '../../../../src/worker/walks/walk-book.ts';
import type { ClearUsers } from '../../../../src/worker/walks/walk-pool.ts';

const SUB = Sub.parse('26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01');
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
const numberOf = (seed: SeedId) => (seed - 1) % 1_000;

function user(n: number): UserType {
  const attributes = { email: emailOf(n), sub: SUB, email_verified: 'true' };
  return { Enabled: true, Attributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })) };
}

interface World {
  seeds: number;
  users: number;
  estimate: number | null;
  nowMs: number;
  maxUsersUnderWay: number;
  /** Whose seeds are in the ledger. */
  runs: readonly number[];
  /** Awaited before each page is given. */
  page: () => Promise<void>;
  describe: () => Promise<void>;
}

/** A Cognito with one list of users for all pools, a ledger, and what was asked of Cognito. */
function worldOf(given: Partial<World> = {}) {
  const world: World = {
    seeds: 1_000_000,
    users: 90,
    estimate: 90,
    nowMs: 0,
    maxUsersUnderWay: 500,
    runs: [1, 2],
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
  const now = () => world.nowMs;
  const noted = new Map<string, { users: ClearUsers; runs: readonly number[]; atMs: number }>();
  const seenAs = (seed: SeedId, run: RunId, pool: UserPool) => {
    const seen = noted.get(poolKey(pool));
    if (seen === undefined || !seen.runs.includes(run) || now() >= seen.atMs + KEEP_MS) return null;
    return seen.users.get(emailKey(emailOf(numberOf(seed)))) ?? null;
  };
  let counted = 0;
  const walked: string[] = [];
  const shared: Omit<PoolWalksDeps, 'seen'> = {
    requests,
    book: bookOf(now),
    domainOf,
    now,
    count: async () => {
      counted += 1;
      return world.seeds;
    },
    answered: () => {},
    walked: ({ id }, tenants) => walked.push(`${id}: ${[...tenants].join(', ')}`),
    maxUsersUnderWay: world.maxUsersUnderWay,
  };

  /** One more worker. */
  function startWalks() {
    let lookedFor: { run: RunId; pool: UserPool } | null = null;
    const seen: PoolWalksDeps['seen'] = {
      async note({ pool, users }) {
        noted.set(poolKey(pool), { users, runs: world.runs, atMs: now() });
        return new Set([TenantId.parse('flip')]);
      },
      find: async (seed) => (lookedFor === null ? null : seenAs(seed, lookedFor.run, lookedFor.pool)),
    };
    const walks = createPoolWalks({ ...shared, seen });
    onTestFinished(() => walks[Symbol.asyncDispose]());
    const look = (n = 0, userPool = POOL, run = RUN) => {
      const id = SeedId.parse(1 + n);
      lookedFor = { run, pool: userPool };
      const seenSub = seenAs(id, run, userPool);
      return walks.look({ id, userPool, run, seenSub, takenAtMs: world.nowMs });
    };
    const settle = async (...args: Parameters<typeof look>) => {
      await vi.waitFor(async () => expect(await look(...args)).not.toMatchObject({ kind: 'paced' }));
      return look(...args);
    };
    return { walks, look, settle };
  }
  return { world, asked, walked, counted: () => counted, startWalks, ...startWalks() };
}

/** As the ledger keeps it, in memory, with a clock that stands still; what it promises is tested in `walk-book.test.ts`. */
function bookOf(now: () => number): PoolWalksDeps['book'] {
  const known = new Map<string, KnownWalk & { readonly describedAtMs?: number }>();
  const walkers = new Map<string, { readonly worker: string; readonly untilMs: number }>();
  const walkerOf = (domain: string) => {
    const walker = walkers.get(domain);
    return walker !== undefined && walker.untilMs > now() ? walker.worker : null;
  };
  const view = (walk: KnownWalk & { readonly describedAtMs?: number }): KnownWalk => ({
    ...walk,
    size: now() < (walk.describedAtMs ?? 0) + 300_000 ? walk.size : null,
    walker: walkerOf(walk.domain),
    nowMs: now(),
  });
  return {
    async ask(asked) {
      const old = known.get(poolKey(asked.pool));
      const ended = old?.phase === 'walked' || old?.phase === 'declined';
      const stands =
        old !== undefined &&
        (ended
          ? now() < (old.endedAtMs ?? 0) + KEEP_MS && (asked.run <= old.run || old.alsoForNewRuns)
          : walkerOf(old.domain) !== null);
      if (!stands) {
        const begun = { phase: 'wanted', wantedAtMs: now(), comeBackAtMs: null, endedAtMs: null } as const;
        const fresh = { ...asked, ...begun, alsoForNewRuns: false, size: null, walker: null, nowMs: now() };
        known.set(poolKey(asked.pool), {
          ...fresh,
          ...(old && { size: old.size, describedAtMs: old.describedAtMs ?? 0 }),
        });
      }
      const walk = known.get(poolKey(asked.pool));
      return walk === undefined ? null : view(walk);
    },
    async hold(worker, domains) {
      const free = domains.filter((domain) => [null, worker].includes(walkerOf(domain)));
      for (const domain of free) walkers.set(domain, { worker, untilMs: now() + LEASE_MS });
      return free;
    },
    async open(domains) {
      const open = [...known.values()].filter(({ phase }) => phase !== 'walked' && phase !== 'declined');
      return open.filter(({ domain }) => domains.includes(domain)).map(view);
    },
    async tell({ pool, run, phase, comeBackMs, alsoForNewRuns = false, size }) {
      const walk = known.get(poolKey(pool));
      if (walk?.run !== run) return now();
      const endedAtMs = phase === 'walked' || phase === 'declined' ? now() : null;
      const comeBackAtMs = comeBackMs === undefined ? null : now() + comeBackMs;
      const sized = size === undefined ? {} : { size, describedAtMs: now() };
      known.set(poolKey(pool), { ...walk, phase, endedAtMs, comeBackAtMs, alsoForNewRuns, ...sized });
      return now();
    },
    async release(worker, domains) {
      for (const domain of domains) if (walkerOf(domain) === worker) walkers.delete(domain);
    },
  };
}

/** Held until it is opened. */
function barrier() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, open: resolve };
}

test('whoever wants a user while a walk is under way comes back when it should be over', async () => {
  const [first, second] = [barrier(), barrier()];
  const pages = [first.wait, second.wait];
  const { world, asked, look, settle } = worldOf({
    page: () => pages.shift()?.() ?? Promise.resolve(),
    estimate: 300,
    seeds: 400,
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
  const { asked, look, settle, counted } = worldOf();
  await Promise.all(Array.from({ length: 50 }, (_, n) => look(n)));
  expect(await settle(89)).toEqual(FOUND);
  expect(asked).toEqual(['describe eu-west-2_A', 'page of eu-west-2_A', 'page of eu-west-2_A']);
  expect(counted()).toBe(1);
});

test('what was seen counts for a minute; the size of the pool for five', async () => {
  const { world, asked, settle } = worldOf();
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
  const { world, asked, settle } = worldOf({ runs: [1, 2] });
  for (const run of [2, 1]) expect(await settle(0, POOL, RunId.parse(run))).toEqual(FOUND);
  world.runs = [1, 2, 3];
  for (const run of [3, 2, 3]) expect(await settle(0, POOL, RunId.parse(run))).toEqual(FOUND);
  expect(asked).toEqual(['describe eu-west-2_A', ...Array.from({ length: 4 }, () => 'page of eu-west-2_A')]);
});

test('a decision that takes long is not waited for in vain', async () => {
  const size = barrier();
  const { world, look, settle } = worldOf({ describe: size.wait });
  expect(await look()).toEqual({ kind: 'paced', waitMs: 100 });
  world.nowMs = 1_000;
  expect(await look()).toBeNull();
  size.open();
  await vi.waitFor(async () => expect(await settle()).toEqual(FOUND));
});

test('who wants few is told so without waiting, and is counted again for a newer run or after a minute', async () => {
  const { world, asked, look, settle, counted } = worldOf({ seeds: 9 });
  expect(await look()).toBeNull();
  expect(await look()).toBeNull();
  expect([asked, counted()]).toEqual([[], 1]);
  world.nowMs = 60_000;
  expect([await look(), counted()]).toEqual([null, 2]);
  world.seeds = 1_000;
  expect([await look(), counted()]).toEqual([null, 2]);
  expect(await settle(0, POOL, RunId.parse(2))).toEqual(FOUND);
});

test('a newer run that comes while a walk is under way has one of its own', async () => {
  const page = barrier();
  const { asked, look } = worldOf({ page: page.wait });
  const first = look();
  await vi.waitFor(() => expect(asked).toContain('page of eu-west-2_A'));
  const newer = look(0, POOL, RunId.parse(2));
  page.open();
  expect(await Promise.all([first, newer])).toEqual([FOUND, FOUND]);
  expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(4); // two pages, twice
});

test('a failed walk is not tried again at once, not even for a newer run', async () => {
  let failing = true;
  const page = () => (failing ? Promise.reject(new Error('throttled')) : Promise.resolve());
  const { world, asked, settle } = worldOf({ page });
  expect(await settle()).toBeNull();
  failing = false;
  expect(await settle(0, POOL, RunId.parse(2))).toBeNull();
  expect(asked).toHaveLength(2);
  world.nowMs = 60_000;
  expect(await settle()).toEqual(FOUND);
});

test('when a walk is over it is told whose users were read, also where they went on without it', async () => {
  const deciding = barrier();
  const { world, walked, look } = worldOf({ describe: deciding.wait });
  await look();
  world.nowMs = 1_000;
  expect(await look()).toBeNull();
  expect(walked).toEqual([]);
  deciding.open();
  await vi.waitFor(() => expect(walked).toEqual([`${POOL.id}: flip`]));
});

test('of a pool that is not walked through nothing is told', async () => {
  const { walked, settle } = worldOf({ estimate: null });
  expect(await settle()).toBeNull();
  expect(walked).toEqual([]);
});

test('a ledger that cannot count leaves everybody to the direct look', async () => {
  const { world, asked, look } = worldOf();
  Object.defineProperty(world, 'seeds', {
    get: () => {
      throw new Error('away');
    },
  });
  expect(await look()).toBeNull();
  expect(asked).toEqual([]);
});

test('a pool of more than 20,000 users is given up, whatever was estimated', async () => {
  const { asked, settle } = worldOf({ users: 20_001, estimate: 10 });
  expect(await settle()).toBeNull();
  expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(Math.ceil(20_001 / 60));
});

test('where the walks under way need all of that, the next pool is left to the direct look', async () => {
  const held = barrier();
  const { asked, look, settle } = worldOf({ users: 100, estimate: 100, page: held.wait });
  for (const id of ['A', 'B', 'C', 'D', 'E']) await look(0, poolOf(`eu-west-2_${id}`, `region-${id}`)); // each its own quota
  await vi.waitFor(() => expect(asked.filter((one) => one.startsWith('page'))).toHaveLength(5));
  expect(await settle(0, poolOf('eu-west-2_F'))).toBeNull();
  held.open();
});

test('the same pool read by another role, or elsewhere, is another one', async () => {
  const { asked, settle } = worldOf();
  await settle();
  await settle(0, { ...POOL, assumeRole: { arn: 'arn:aws:iam::111122223333:role/rolecall' } });
  await settle(0, { ...POOL, region: 'eu-west-1' });
  expect(asked.filter((one) => one.startsWith('describe'))).toHaveLength(3);
});

test('a walk ends with the process', async () => {
  const held = barrier();
  const { walks, asked, look } = worldOf({ page: held.wait });
  await look();
  await vi.waitFor(() => expect(asked).toContain('page of eu-west-2_A'));
  const closed = walks[Symbol.asyncDispose]();
  held.open();
  await closed;
  expect(await look()).toBeNull();
});

const pagesOf = (asked: readonly string[]) => asked.filter((one) => one.startsWith('page')).map((one) => one.slice(-1));

test('walks of one quota come one after another, each with its own deadline; those of others beside them', async () => {
  const held = barrier();
  const timeouts = vi.spyOn(AbortSignal, 'timeout');
  onTestFinished(() => timeouts.mockRestore());
  const { asked, look, settle } = worldOf({ page: held.wait });
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
  const { world, look } = worldOf({ page: held.wait, estimate: 1_200, maxUsersUnderWay: 20_000 }); // 20 pages, 50 ms each
  const start = performance.now();
  await look(0, poolOf('A'));
  const patience = performance.now() - start;
  expect(await look(0, poolOf('B'))).toEqual({ kind: 'paced', waitMs: 2_000 });
  expect(await look(0, poolOf('C'))).toEqual({ kind: 'paced', waitMs: 3_000 });
  expect(performance.now() - start - patience).toBeLessThan(patience / 2);
  world.seeds = 10;
  held.open();
});

test('few who wait come back every two seconds at most', async () => {
  const held = barrier();
  const { look } = worldOf({
    page: held.wait,
    estimate: 6_000,
    maxUsersUnderWay: 20_000,
    seeds: 200,
  });
  await look(0, poolOf('A'));
  expect(await look(0, poolOf('B'))).toEqual({ kind: 'paced', waitMs: 2_000 });
  held.open();
});

test('a pool whose lookups are done well before its turn to be walked through is not', async () => {
  const held = barrier();
  const { world, asked, look, settle } = worldOf({ page: held.wait, estimate: 13_200, maxUsersUnderWay: 20_000 }); // 11 s
  await look(0, poolOf('A'));
  Object.assign(world, { estimate: 60, seeds: 100 }); // a page, or 5 s of lookups
  expect(await look(0, poolOf('B'))).toBeNull();
  world.seeds = 80; // 4 s of lookups, twice that beside the others
  expect(await look(0, poolOf('C'))).toMatchObject({ kind: 'paced' });
  held.open();
  expect(await settle(0, poolOf('C'))).toEqual(FOUND);
  expect(pagesOf(asked)).not.toContain('B');
});

test('a queue that takes far longer than anybody could foresee is left', async () => {
  const held = barrier();
  const { world, asked, walks, look } = worldOf({ page: held.wait, seeds: 200 });
  await look(0, poolOf('A'));
  expect(await look(0, poolOf('B'))).toMatchObject({ kind: 'paced' });
  world.nowMs = 19_000; // 10 s of lookups, and some more
  expect(await look(0, poolOf('B'))).toMatchObject({ kind: 'paced' });
  world.nowMs = 21_000;
  expect(await look(0, poolOf('B'))).toBeNull();
  expect(await look(0, poolOf('A'))).toMatchObject({ kind: 'paced' }); // it has a deadline of its own
  held.open();
  await walks[Symbol.asyncDispose]();
  expect(pagesOf(asked)).not.toContain('B');
});

test('what another worker walks through is not walked through again', async () => {
  const { asked, settle, startWalks } = worldOf();
  const other = startWalks();
  expect(await Promise.all([settle(0), other.settle(1)])).toEqual([FOUND, FOUND]);
  expect(asked).toEqual(['describe eu-west-2_A', 'page of eu-west-2_A', 'page of eu-west-2_A']);
});

test('another worker is told how far a walk is', async () => {
  const [first, second] = [barrier(), barrier()];
  const pages = [first.wait, second.wait];
  const { world, asked, walks, look, startWalks } = worldOf({
    page: () => pages.shift()?.() ?? Promise.resolve(),
    estimate: 1_200,
    seeds: 400,
    maxUsersUnderWay: 2_000,
  });
  const other = startWalks();
  await look();
  world.nowMs = 200;
  first.open();
  await vi.waitFor(() => expect(pagesOf(asked)).toHaveLength(2));
  await walks.goOn();
  expect(await other.look()).toEqual({ kind: 'paced', waitMs: 2_000 }); // 19 pages, 200 ms each: it asks again before
  expect(await look()).toEqual({ kind: 'paced', waitMs: 2_000 });
  second.open();
  world.nowMs = 1_200;
  await vi.waitFor(async () => expect(await look()).toEqual(FOUND));
  world.nowMs = 2_200;
  expect(await other.settle()).toEqual(FOUND);
});

test('a pool that another worker decided against is looked up without asking again', async () => {
  const { asked, settle, startWalks } = worldOf({ estimate: null });
  expect(await settle()).toBeNull();
  expect(await startWalks().settle()).toBeNull();
  expect(asked).toEqual(['describe eu-west-2_A']);
});

test('who walks in a quota takes on what another worker wants walked there', async () => {
  const { asked, walks, settle, startWalks } = worldOf();
  const other = startWalks();
  await settle(0, poolOf('A'));
  expect(await other.look(0, poolOf('B'))).toEqual({ kind: 'paced', waitMs: 100 });
  expect(pagesOf(asked)).toEqual(['A', 'A']);
  await walks.goOn();
  await vi.waitFor(() => expect(pagesOf(asked)).toEqual(['A', 'A', 'B', 'B']));
});

test('a decision that another worker does not come to is not waited for in vain', async () => {
  const held = barrier();
  const { world, walks, look, startWalks } = worldOf({ describe: held.wait });
  const other = startWalks();
  await look();
  expect(await other.look()).toMatchObject({ kind: 'paced' });
  for (world.nowMs = 2_000; world.nowMs < LEASE_MS; world.nowMs += 2_000) await walks.goOn(); // it is there still
  expect(await other.look()).toBeNull();
  held.open();
});

test('the walk of a worker that is gone is begun anew by another one, a little later', async () => {
  const held = barrier();
  const pages = [held.wait];
  const { world, asked, walks, look, startWalks } = worldOf({ page: () => pages.shift()?.() ?? Promise.resolve() });
  const other = startWalks();
  await look();
  await walks.goOn();
  await vi.waitFor(async () => expect(await other.look()).toEqual({ kind: 'paced', waitMs: 200 }));
  expect(pagesOf(asked)).toHaveLength(1);
  world.nowMs = LEASE_MS;
  expect(await other.settle()).toEqual(FOUND);
  expect(pagesOf(asked)).toHaveLength(3);
  held.open();
});

test('a worker that stops hands over to the next at once', async () => {
  const held = barrier();
  const pages = [held.wait];
  const { asked, walks, look, startWalks } = worldOf({ page: () => pages.shift()?.() ?? Promise.resolve() });
  const other = startWalks();
  await look();
  const stopped = walks[Symbol.asyncDispose]();
  held.open();
  await stopped;
  expect(await other.settle()).toEqual(FOUND);
  expect(pagesOf(asked)).toHaveLength(3);
});

test('hundreds of pools that are due at once wait for their descriptions, each as long as those before it take', async () => {
  const held = barrier();
  const { world, look } = worldOf({ describe: held.wait });
  const pools = Array.from({ length: 100 }, (_, n) => poolOf(`P${n}`));
  const looks = await Promise.all(pools.map((pool) => look(0, pool)));
  expect([looks[0], looks[20], looks[99]]).toEqual([100, 2_000, 5_000].map((waitMs) => ({ kind: 'paced', waitMs })));
  world.nowMs = 1_000;
  expect(await look(0, pools[0])).toBeNull(); // it alone should have been described by now
  world.nowMs = 4_000;
  expect(await look(0, pools[20])).toBeNull(); // with half as much again, and a second
  expect(await look(0, pools[99])).toMatchObject({ kind: 'paced' });
  held.open();
});

test("pools of which few are wanted are in nobody's way there", async () => {
  const held = barrier();
  const { world, look } = worldOf({ describe: held.wait, seeds: 9 });
  for (let n = 0; n < 50; n += 1) expect(await look(0, poolOf(`P${n}`))).toBeNull();
  world.seeds = 1_000;
  expect(await look()).toEqual({ kind: 'paced', waitMs: 100 });
  world.nowMs = 1_000;
  expect(await look()).toBeNull();
  held.open();
});

test('whoever has waited for long for another worker waits an eighth longer', async () => {
  const held = barrier();
  const { world, walks, look, startWalks } = worldOf({ page: held.wait });
  const other = startWalks();
  await look();
  await walks.goOn();
  world.nowMs = 4_000;
  await vi.waitFor(async () => expect(await other.look()).toEqual({ kind: 'paced', waitMs: 500 }), 3_000);
  held.open();
});
