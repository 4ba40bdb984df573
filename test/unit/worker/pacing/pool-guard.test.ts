import { expect, test } from 'vitest';
import { Sub } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { Entry } from '../../../../src/worker/pacing/bulkhead.ts';
import { createPoolGuard, type PoolVisit } from '../../../../src/worker/pacing/pool-guard.ts';

const FOUND = {
  kind: 'found',
  sub: Sub.parse('26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01'),
  enabled: true,
  emailVerified: true,
} as const;
const failedWith = (reason: Reason) => ({ kind: 'failed', reason, cause: null }) as const;

function guardOf(concurrency: number) {
  let clock = 0;
  const guard = createPoolGuard({ concurrency, now: () => clock });
  const enter = (pool: string) => guard.enter(pool, 'domain');
  const go = (pool: string): PoolVisit => {
    const entry = enter(pool);
    if (entry.kind !== 'go') throw new Error(`${pool} is held back: ${entry.kind}`);
    return entry;
  };
  const look = (pool: string, lookup: Parameters<PoolVisit['answered']>[0], ms = 50) => {
    using visit = go(pool);
    clock += ms;
    const slowsDown = lookup.kind === 'failed' && lookup.reason === 'throttled' && !guard.throttlesAlone(pool);
    visit.answered(lookup);
    return slowsDown;
  };
  return { enter, go, look, pass: (ms: number) => (clock += ms) };
}

const kinds = (entries: readonly Entry<PoolVisit>[]) => entries.map(({ kind }) => kind);

test('a pool that answers may have all slots', () => {
  const { enter, look } = guardOf(10);
  look('a', FOUND);
  expect(kinds(Array.from({ length: 10 }, () => enter('a')))).toEqual(Array(10).fill('go'));
});

test('a pool that nobody has heard of is asked by two at first', () => {
  const { enter } = guardOf(10);
  expect(kinds([enter('a'), enter('a'), enter('a'), enter('b')])).toEqual(['go', 'go', 'later', 'go']);
});

test('whoever is held back by a slow pool comes back one after another', () => {
  const { enter, look, go } = guardOf(4);
  look('a', FOUND, 2_000);
  go('a');
  go('a');
  const waits = () => [enter('a'), enter('a'), enter('a')].map((entry) => (entry.kind === 'later' ? entry.waitMs : 0));
  expect(waits()).toEqual([1_000, 2_000, 3_000]);
  for (let n = 0; n < 50; n += 1) enter('a');
  expect(waits()).toEqual([30_000, 30_000, 30_000]);
});

test('an answer that is due any moment is worth a look any moment', () => {
  const { enter, go, pass } = guardOf(4);
  go('a');
  go('a');
  expect(enter('a')).toEqual({ kind: 'later', waitMs: 100, isFirstAnswerDue: true });
  pass(1_001);
  expect([enter('a'), enter('a')]).toEqual([
    { kind: 'later', waitMs: 500, isFirstAnswerDue: false },
    { kind: 'later', waitMs: 1_000, isFirstAnswerDue: false },
  ]);
});

test('slow pools share half of the slots', () => {
  const { enter, look } = guardOf(10);
  look('slow', FOUND, 2_000);
  look('slower', FOUND, 4_000);
  look('fast', FOUND);
  const entries = ['slow', 'slow', 'slow', 'slower', 'slower', 'slower', 'slow', 'fast'].map(enter);
  expect(kinds(entries)).toEqual(['go', 'go', 'go', 'go', 'go', 'later', 'later', 'go']);
});

test('a pool is slow as soon as one answer is overdue', () => {
  const { enter, go, look, pass } = guardOf(4);
  look('a', FOUND);
  go('a');
  go('a');
  expect(enter('a').kind).toBe('go');
  pass(1_001);
  expect(enter('a').kind).toBe('later');
});

test('a process that does one thing at a time does it', () => {
  const { look, enter } = guardOf(1);
  look('a', FOUND, 3_000);
  expect(enter('a').kind).toBe('go');
});

test('a pool that fails twice is asked by one, and the others hear why', () => {
  const { enter, look, go } = guardOf(10);
  for (let n = 0; n < 2; n += 1) look('a', failedWith('timeout'));
  using probe = go('a');
  expect(enter('a')).toEqual({ kind: 'failing', reason: 'timeout' });
  probe.answered(FOUND);
  expect(enter('a').kind).toBe('go');
});

test('an answer in between, also a refusal, is an answer', () => {
  const { enter, look, go } = guardOf(10);
  for (const lookup of [failedWith('network'), failedWith('pool-not-found')]) look('a', lookup);
  look('a', failedWith('network'));
  go('a');
  expect(enter('a').kind).toBe('go');
});

test('pools that fail do not take each other’s place, nor that of the others', () => {
  const { enter, look } = guardOf(4);
  for (const pool of ['a', 'b', 'c']) for (let n = 0; n < 2; n += 1) look(pool, failedWith('timeout'), 10);
  expect(kinds(['a', 'b', 'c', 'good', 'good'].map(enter))).toEqual(['go', 'go', 'failing', 'go', 'go']);
});

test('a throttle slows the domain down, unless it is the pool’s own', () => {
  const { look } = guardOf(10);
  expect(look('a', failedWith('throttled'))).toBe(true);
  look('b', FOUND);
  expect(look('a', failedWith('throttled'))).toBe(false);
  expect(look('b', failedWith('throttled'))).toBe(true);
});

test('a domain in which everybody is throttled stays slow', () => {
  const { look } = guardOf(10);
  look('b', FOUND);
  for (let n = 0; n < 5; n += 1) expect(look('a', failedWith('throttled'))).toBe(true);
});
