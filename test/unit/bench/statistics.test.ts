import { expect, test } from 'vitest';
import { median, percentile } from '../../../bench/support/statistics.ts';

const HUNDRED = Array.from({ length: 100 }, (_, n) => 100 - n); // the order does not matter

test('a percentile is a sample that was taken', () => {
  expect([0, 0.5, 0.99, 1].map((share) => percentile(HUNDRED, share))).toEqual([1, 50, 99, 100]);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([7])).toBe(7);
});

test('of no samples there is none', () => {
  expect(() => median([])).toThrow('no sample');
});
