import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RunId, SeedId } from '#shared/contract/ids.ts';
import { parseSeedJobId, SeedJob, seedJobId, retryPriority, seedPriority } from '#shared/contract/seed-job.ts';

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const payload = { v: 1, run: 3, tenant: 'flip', seedId: 7, label: 'a•••n@example.org' };

test('a job id tells run and seed, and back', () => {
  fc.assert(
    fc.property(id, id, (run, seedId) => {
      const named = { run: RunId.parse(run), seedId: SeedId.parse(seedId) };
      expect(parseSeedJobId(seedJobId(named))).toEqual(named);
    }),
  );
});

test.for(['', 'r1', 'r1-s', 'r0-s1', 'r01-s1', 'r1-s1-x', '1', 'ada@example.org'])(
  '"%s" is no job id of ours',
  (text) => {
    expect(parseSeedJobId(text)).toBeNull();
  },
);

test('a payload with a raw email, of another version or without a seed does not parse', () => {
  expect(SeedJob.safeParse(payload).success).toBe(true);
  expect(SeedJob.safeParse({ ...payload, more: 'a key of a newer version' }).success).toBe(true);
  for (const wrong of [{ label: 'admin@example.org' }, { v: 2 }, { seedId: undefined }, { seedId: '7' }]) {
    expect(SeedJob.safeParse({ ...payload, ...wrong }).success).toBe(false);
  }
});

test('earlier seeds of a tenant come first, within what BullMQ takes', () => {
  expect([0, 1, 2, 2_097_150, 5_000_000].map(seedPriority)).toEqual([1, 2, 3, 2_097_151, 2_097_151]);
});

test('the more often a seed failed, the later it comes', () => {
  expect([1, 2, 30, 2_147_483_647].map(retryPriority)).toEqual([100, 200, 3_000, 2_097_151]);
});
