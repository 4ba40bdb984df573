import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mayPay, planWalk, type Demand } from '../../../../src/worker/walks/break-even.ts';

/** The whole quota. */
const ALONE = { roundTripMs: 100, pagesPerSecond: 30, lookupsPerSecond: 30 };

test.for<[seeds: number, users: number | null, more: Partial<Demand>, walks: boolean]>([
  [500, 600, {}, true],
  [500, 5_000, {}, true],
  [1_000, 50_000, {}, false],
  [50, 200_000, {}, false],
  [5, 60, {}, false],
  [9, 1, {}, false],
  [10, 1, {}, true],
  [500, null, {}, false],
  [100_000, 20_000, {}, true],
  [100_000, 20_001, {}, false],
  [50, 600, {}, true],
  [500, 5_000, { roundTripMs: 200 }, false],
  [500, 5_000, { lookupsPerSecond: 120 }, false],
  [500, 600, { lookupsPerSecond: 120 }, true],
])('%i seeds of %s users, %o: a walk is cheaper: %s', ([seeds, users, more, walks]) => {
  expect(planWalk({ ...ALONE, ...more, seeds, users }) !== null).toBe(walks);
});

test('a walk gives up where the lookups would have been cheaper after all', () => {
  expect(planWalk({ ...ALONE, seeds: 500, users: 600 })).toEqual({
    expectedPages: 10,
    maxPages: 500,
    expectedMs: 1_000,
    lookupsMs: 16_666.666666666668,
  });
});

const demand = fc.record({
  seeds: fc.nat(100_000),
  users: fc.option(fc.nat(300_000)),
  roundTripMs: fc.double({ min: 0, max: 5_000, noNaN: true }),
  pagesPerSecond: fc.double({ min: 0.01, max: 30, noNaN: true }),
  lookupsPerSecond: fc.double({ min: 0.01, max: 120, noNaN: true }),
});

test('a walk never takes more requests than the lookups, nor longer, however its pages are filled', () => {
  fc.assert(
    fc.property(demand, (asked) => {
      if (planWalk(asked) === null) return;
      const { seeds, users, roundTripMs, pagesPerSecond, lookupsPerSecond } = asked;
      const pages = Math.ceil((users ?? Infinity) / 60);
      expect(pages).toBeLessThan(seeds);
      const msPerPage = Math.max(roundTripMs, 1_000 / pagesPerSecond);
      expect(pages * msPerPage).toBeLessThanOrEqual((seeds * 1_000) / lookupsPerSecond);
    }),
  );
});

test('more seeds never speak against a walk, nor do fewer users', () => {
  fc.assert(
    fc.property(demand, fc.nat(1_000), fc.nat(1_000), (asked, more, fewer) => {
      if (planWalk(asked) === null) return;
      const users = Math.max(0, (asked.users ?? 0) - fewer);
      expect(planWalk({ ...asked, seeds: asked.seeds + more, users })).not.toBeNull();
    }),
  );
});

test('the size of a pool is asked for wherever some size would make a walk cheaper', () => {
  fc.assert(fc.property(demand, (asked) => planWalk(asked) === null || mayPay(asked)));
  expect(mayPay({ ...ALONE, seeds: 9 })).toBe(false);
  expect(mayPay({ ...ALONE, seeds: 10 })).toBe(true);
});
