import { expect, test } from 'vitest';
import { takeToken, type Bucket } from '../../../demo/cognito/token-bucket.ts';

/** How many of `calls` at one instant get through, and the bucket afterwards. */
function burst(calls: number, given: { bucket?: Bucket | undefined; perSecond: number; nowMs: number }) {
  let { bucket } = given;
  let allowed = 0;
  for (let call = 0; call < calls; call += 1) {
    const taken = takeToken(bucket, given.perSecond, given.nowMs);
    bucket = taken.bucket;
    allowed += Number(taken.allowed);
  }
  return { allowed, bucket };
}

test("a burst of one second's worth gets through, and then the rate", () => {
  const first = burst(40, { perSecond: 30, nowMs: 0 });
  const half = burst(40, { bucket: first.bucket, perSecond: 30, nowMs: 500 });
  const idle = burst(40, { bucket: half.bucket, perSecond: 30, nowMs: 60_000 });

  expect([first.allowed, half.allowed, idle.allowed]).toEqual([30, 15, 30]);
});

test('a rate below one per second still lets a call through, and a rate of none lets nobody', () => {
  const first = burst(3, { perSecond: 0.5, nowMs: 0 });
  expect(first.allowed).toBe(1);
  expect(burst(3, { bucket: first.bucket, perSecond: 0.5, nowMs: 1000 }).allowed).toBe(0);
  expect(burst(3, { bucket: first.bucket, perSecond: 0.5, nowMs: 2000 }).allowed).toBe(1);
  expect(burst(3, { perSecond: 0, nowMs: 0 }).allowed).toBe(0);
});
