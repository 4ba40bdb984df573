import { expect, test } from 'vitest';
import type { CognitoOperation } from '../../../src/worker/cognito/pace.ts';
import { poolKey, type UserPool } from '../../../src/worker/cognito/user-directory.ts';
import { createPoolGuard } from '../../../src/worker/pacing/pool-guard.ts';
import { slowDownThrottled } from '../../../src/worker/slow-down-throttled.ts';

const poolOf = (id: string, lookup: UserPool['lookup'] = 'ListUsers'): UserPool => ({
  id,
  region: 'eu-west-2',
  lookup,
  requestsPerSecond: 20,
});
const MISSING = { kind: 'missing' } as const;
const THROTTLED = { kind: 'failed', reason: 'throttled', cause: null } as const;

function listen() {
  let clock = 0;
  const guard = createPoolGuard({ concurrency: 10, now: () => clock });
  const slowed: string[] = [];
  const usedUp: string[] = [];
  const slowDown = async ({ id }: UserPool, operation: CognitoOperation) => {
    slowed.push(`${id} ${operation}`);
    return slowed.length > 2; // the third one finds it slow already
  };
  const throttled = slowDownThrottled(guard, { slowDown }, { add: (domain) => void usedUp.push(domain) });
  const later = (ms: number) => void (clock += ms);
  const ask = (pool: UserPool) => {
    const entry = guard.enter(poolKey(pool), 'domain');
    if (entry.kind !== 'go') throw new Error(entry.kind);
    return async (answer: typeof MISSING | typeof THROTTLED) => {
      if (answer === THROTTLED) await throttled(pool, pool.lookup);
      entry.answered(answer);
      entry[Symbol.dispose]();
    };
  };
  const lookUp = async (pool: UserPool, answer: typeof MISSING | typeof THROTTLED) => {
    const answered = ask(pool);
    later(50);
    await answered(answer);
  };
  return { slowed, usedUp, throttled, ask, later, lookUp };
}

test('a throttle slows down the quota of its operation, whatever the tenant is looked up by', async () => {
  const { slowed, throttled } = listen();
  await throttled(poolOf('A'), 'ListUsers');
  await throttled(poolOf('A'), 'DescribeUserPool');
  await throttled(poolOf('B', 'AdminGetUser'), 'ListUsers');
  expect(slowed).toEqual(['A ListUsers', 'A DescribeUserPool', 'B ListUsers']);
});

test('a quota is used up when it throttles though it is the slowest already, and it is that of the operation', async () => {
  const { usedUp, throttled } = listen();
  const pool = poolOf('B', 'AdminGetUser');
  await throttled(pool, 'AdminGetUser');
  await throttled(pool, 'AdminGetUser');
  expect(usedUp).toEqual([]);
  await throttled(pool, 'AdminGetUser');
  await throttled(pool, 'ListUsers');
  expect(usedUp).toEqual(['own/eu-west-2/user-read', 'own/eu-west-2/user-list']);
});

test('a pool that is throttled again while others are answered slows down nobody, be it by lookups or by walks', async () => {
  const { slowed, throttled, lookUp } = listen();
  await lookUp(poolOf('A'), THROTTLED);
  await lookUp(poolOf('B'), MISSING);
  await lookUp(poolOf('A'), THROTTLED);
  await throttled(poolOf('A'), 'ListUsers');
  expect(slowed).toEqual(['A ListUsers']);
});

test('a quota that throttles everybody is slowed down each time', async () => {
  const { slowed, lookUp } = listen();
  await lookUp(poolOf('B'), MISSING);
  await lookUp(poolOf('A'), THROTTLED);
  await lookUp(poolOf('B'), THROTTLED);
  await lookUp(poolOf('A'), THROTTLED);
  expect(slowed).toEqual(['A ListUsers', 'B ListUsers', 'A ListUsers']);
});

test('answers that were on their way when a pool was throttled do not say that it is alone', async () => {
  const { slowed, ask, later } = listen();
  const early = ask(poolOf('A'));
  later(100);
  const late = ask(poolOf('A'));
  const other = ask(poolOf('B'));
  later(30);
  await early(MISSING);
  later(50);
  await late(THROTTLED);
  await other(MISSING);
  for (let n = 0; n < 3; n += 1) {
    later(1_000);
    const again = ask(poolOf('A'));
    later(50);
    await again(THROTTLED);
  }
  expect(slowed).toEqual(Array.from({ length: 4 }, () => 'A ListUsers'));
});

test('a throttle of the second look says nothing about the pool, however well others are found by AdminGetUser', async () => {
  const { slowed, throttled, lookUp } = listen();
  const pool = poolOf('A', 'AdminGetUser');
  await lookUp(pool, THROTTLED);
  await lookUp(poolOf('B', 'AdminGetUser'), MISSING);
  await throttled(pool, 'ListUsers');
  expect(slowed).toEqual(['A AdminGetUser', 'A ListUsers']);
});

test('a book that is away makes no lookup fail', async () => {
  const guard = createPoolGuard({ concurrency: 10, now: () => 0 });
  const usedUp = new Set<string>();
  const throttled = slowDownThrottled(guard, { slowDown: () => Promise.reject(new Error('away')) }, usedUp);
  await expect(throttled(poolOf('A'), 'ListUsers')).resolves.toBeUndefined();
  expect(usedUp).toEqual(new Set());
});
