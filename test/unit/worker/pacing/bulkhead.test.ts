import { expect, test } from 'vitest';
import { DEADLINE_MS, simulateWorker, type SimulatedPeer } from '../../../support/simulate-worker.ts';

const peers = (count: number, of: Partial<SimulatedPeer>): SimulatedPeer[] =>
  Array.from({ length: count }, (_, n) => ({
    name: `${of.latencyMs}-${n}`,
    area: `${of.latencyMs}-${n}`,
    seeds: 20,
    latencyMs: 50,
    ...of,
  }));
const healthy = (count: number, of: Partial<SimulatedPeer> = {}) => peers(count, { latencyMs: 50, ...of });
const hanging = (count: number, of: Partial<SimulatedPeer> = {}) => peers(count, { latencyMs: Infinity, ...of });
const one = (of: Partial<SimulatedPeer> = {}) => healthy(1, { name: 'one', area: 'one', ...of });

test('fifty pools that nobody has heard of take as long as fifty that answered before', () => {
  const doneAt = simulateWorker(50, healthy(50, { seeds: 40 }));
  expect(Object.keys(doneAt)).toHaveLength(50);
  expect(Math.max(...Object.values(doneAt))).toBeLessThan(40 * 50 * 1.05);
});

test('a thousand pools that nobody has heard of are not much slower', () => {
  const doneAt = simulateWorker(10, healthy(1_000, { seeds: 3 }));
  expect(Object.keys(doneAt)).toHaveLength(1_000);
  expect(Math.max(...Object.values(doneAt))).toBeLessThan(((1_000 * 3) / 10) * 50 * 1.15);
});

test('a hundred pools of an account hang: one of another account is done before any of them has timed out', () => {
  const { one: doneAt } = simulateWorker(10, [...hanging(100, { area: 'account' }), ...one()]);
  expect(doneAt).toBeLessThan(DEADLINE_MS);
});

test('pools of an account hang one after another: one of another account has a place as soon as that is known', () => {
  const doneAt = [4, 10, 25].flatMap((concurrency) =>
    [0, 1, 3, 7, 15, 30].flatMap((apartMs) => {
      const stuck = hanging(12, { area: 'account', seeds: 5 }).map((peer, n) => ({ ...peer, fromMs: apartMs * n }));
      return [0, 40, 75, 101].map((fromMs) => simulateWorker(concurrency, [...stuck, ...one({ fromMs })])['one']);
    }),
  );
  expect(Math.max(...doneAt.map(Number))).toBeLessThan(2_500); // a second until it is known, another until it looks again
});

test('a dozen pools hang, each in an account of its own: the next one is done before any of them has timed out', () => {
  const { one: doneAt } = simulateWorker(10, [...hanging(12), ...one()]);
  expect(doneAt).toBeLessThan(DEADLINE_MS);
});

test('thirty accounts hang that come later: who was answered before goes on', () => {
  const { one: doneAt } = simulateWorker(10, [...one({ seeds: 60 }), ...hanging(30, { fromMs: 100, seeds: 5 })]);
  expect(doneAt).toBeLessThan(DEADLINE_MS);
});

test('a hundred pools that answered a moment ago hang: the one that does not is back within half a minute', () => {
  const dark = hanging(100, { latencyMs: 50, hangsFromMs: 700, seeds: 40 });
  const { one: doneAt } = simulateWorker(10, [...one({ seeds: 40 }), ...dark]);
  expect(doneAt).toBeLessThan(30_000);
});
