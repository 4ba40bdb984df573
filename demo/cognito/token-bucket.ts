export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/**
 * Pure: one second's worth is the burst, refilled evenly. `undefined` is a bucket that was never used, so full.
 * A refused call takes nothing; whether it does at AWS is not documented.
 */
export function takeToken(bucket: Bucket | undefined, perSecond: number, nowMs: number): Taken {
  const burst = perSecond > 0 ? Math.max(1, perSecond) : 0; // a rate below one per second must still let calls through
  const refilled = bucket === undefined ? burst : bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond;
  const tokens = Math.min(burst, refilled);
  return tokens >= 1
    ? { allowed: true, bucket: { tokens: tokens - 1, atMs: nowMs } }
    : { allowed: false, bucket: { tokens, atMs: nowMs } };
}

export interface Taken {
  readonly allowed: boolean;
  readonly bucket: Bucket;
}
