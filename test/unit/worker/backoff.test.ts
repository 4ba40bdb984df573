import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../../src/worker/backoff.ts';

const ms = fc.integer({ min: 1, max: 86_400_000 });
const attempt = fc.integer({ min: 1, max: 2_147_483_647 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a delay is a whole number of milliseconds from 1 to the cap, at every attempt', () => {
  fc.assert(
    fc.property(attempt, ms, ms, random, (at, baseMs, capMs, drawn) => {
      const delay = backoffMs(at, { baseMs, capMs, random: () => drawn });
      expect(Number.isInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(1);
      expect(delay).toBeLessThanOrEqual(capMs);
    }),
  );
});

test('a later attempt never waits less, for the same draw', () => {
  fc.assert(
    fc.property(attempt, ms, ms, random, (at, baseMs, capMs, drawn) => {
      const backoff = { baseMs, capMs, random: () => drawn };
      expect(backoffMs(at + 1, backoff)).toBeGreaterThanOrEqual(backoffMs(at, backoff));
    }),
  );
});

test('the first delay is below the base, and the bound doubles up to the cap', () => {
  const nearlyOne = { baseMs: 1_000, capMs: 300_000, random: () => 0.999_999 };
  expect([1, 2, 3, 9, 10, 10_000].map((at) => backoffMs(at, nearlyOne))).toEqual([
    1_000, 2_000, 4_000, 256_000, 300_000, 300_000,
  ]);
});
