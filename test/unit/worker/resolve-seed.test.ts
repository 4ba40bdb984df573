import { expect, test } from 'vitest';
import { poolKey, type Lookup, type Postponed, type UserPool } from '../../../src/worker/cognito/user-directory.ts';
import { createPoolGuard } from '../../../src/worker/pacing/pool-guard.ts';
import type { Later, Slots } from '../../../src/worker/pacing/slots.ts';
import { resolveSeed, type ResolveDeps } from '../../../src/worker/resolve-seed.ts';
import type { TakenSeed } from '../../../src/worker/take-seed.ts';
import type { PoolWalks } from '../../../src/worker/walks/pool-walks.ts';

const userPool: UserPool = { id: 'pool', region: 'eu-west-2', lookup: 'AdminGetUser', requestsPerSecond: 80 };
const seed = { email: 'ada@example.org', userPool } as TakenSeed; // all that is asked for here
const MISSING = { kind: 'missing' } as const;
const LATER = { kind: 'paced', waitMs: 1_000 } as const;

function resolve(seen: Awaited<ReturnType<PoolWalks['look']>>, answer: Lookup | Postponed = MISSING) {
  const did: string[] = [];
  const deps = {
    walks: { look: async () => seen },
    directory: { prepare: async () => {}, find: async () => answer },
    guard: createPoolGuard({ concurrency: 2, now: () => 0 }),
    slots: {
      reserve: async () => (did.push('reserve'), null),
      leaveIfCrowded: async () => void did.push('leave'),
    } as Partial<Slots>,
  } as unknown as ResolveDeps; // as far as it is used
  return { did, resolution: resolveSeed(deps, seed, new AbortController().signal) };
}

test('who is seen in a walk, or waits for one, gives up the slot and the turn it may have', async () => {
  const { did, resolution } = resolve(LATER);
  expect([await resolution, did]).toEqual([LATER, ['leave']]);
});

test('who is not is looked for in its slot', async () => {
  const { did, resolution } = resolve(null);
  expect([await resolution, did]).toEqual([MISSING, ['reserve']]);
});

test('a second look that must wait puts the seed away', async () => {
  expect(await resolve(null, LATER).resolution).toEqual(LATER);
});

test.for<[kind: string, later: Later | null, did: string[], resolution: unknown]>([
  ['takes its turn at once', { kind: 'paced', waitMs: 600_000, domain: 'own' }, ['reserve'], { domain: 'own' }],
  ['gives a slot back that it cannot use', null, ['reserve', 'give back'], { kind: 'paced', waitMs: 100 }],
])('who waits for the first answer of its pool %s', async ([, later, expected, resolution]) => {
  const guard = createPoolGuard({ concurrency: 10, now: () => 0 });
  const asking = [guard.enter(poolKey(userPool), 'd'), guard.enter(poolKey(userPool), 'd')];
  expect(asking.map(({ kind }) => kind)).toEqual(['go', 'go']);
  const did: string[] = [];
  const slots: Partial<Slots> = {
    reserve: async () => (did.push('reserve'), later),
    leave: async () => void did.push('give back'),
  };
  const deps = { walks: { look: async () => null }, guard, slots } as unknown as ResolveDeps; // nobody is asked
  expect(await resolveSeed(deps, seed, new AbortController().signal)).toMatchObject(resolution as object);
  expect(did).toEqual(expected);
});
