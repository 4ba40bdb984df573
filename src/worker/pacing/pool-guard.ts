import { isTransient, type TransientReason } from '#shared/contract/reasons.ts';
import type { Lookup } from '../cognito/user-directory.ts';

export type Entry =
  | ({ readonly kind: 'go' } & Visit)
  /** Enough is under way for a pool like this one. */
  | { readonly kind: 'later'; readonly waitMs: number }
  /** It did not answer others a moment ago, and one of them is asking again. */
  | { readonly kind: 'failing'; readonly reason: TransientReason };

export interface Visit extends Disposable {
  /** What came of it. `true`: the whole domain should slow down. Not called where nothing was asked. */
  answered(lookup: Lookup): boolean;
}

export interface PoolGuard {
  enter(pool: string, domain: string): Entry;
  /** Whether one more throttle of its lookups, which is being heard of, is its own trouble and none of its domain. */
  throttlesAlone(pool: string): boolean;
}

export interface PoolGuardOptions {
  /** Jobs that this process works on at once. */
  readonly concurrency: number;
  now(): number;
}

/** Cognito usually takes less than 100 ms. */
const SLOW_MS = 1_000;
/** Before a pool has answered for the first time. */
const UNKNOWN_POOL_AT_ONCE = 2;
const FAILING_AFTER = 2;
/** Until whoever is held back looks again: while the first answer is due any moment, while none comes, behind slow ones. */
const LONGEST_WAIT_MS = { unknown: 100, silent: 5_000, slow: 30_000 };

interface Pool {
  readonly domain: string;
  readonly startedAt: Set<{ readonly at: number }>;
  lastMs: number | null;
  lastOkAt: number;
  failures: { count: number; since: number; reason: TransientReason } | null;
  nextTurnAt: number;
}

/**
 * Keeps one pool from holding up the others of this process, as each lookup occupies one of its few slots. A pool that is
 * slow or failing shares half of the slots with all others of its kind (bulkhead), and one that keeps failing is asked by
 * one seed at a time while the rest take that answer for theirs and try again later (circuit breaker: Nygard, Release It!).
 */
export function createPoolGuard({ concurrency, now }: PoolGuardOptions): PoolGuard {
  const pools = new Map<string, Pool>();
  const slowLane = Math.max(1, Math.floor(concurrency / 2));

  function isSlow({ lastMs, startedAt, failures }: Pool): boolean {
    const [oldest] = startedAt; // a set keeps the order in which it was filled
    return isFailing(failures) || (lastMs ?? 0) > SLOW_MS || (oldest !== undefined && now() - oldest.at > SLOW_MS);
  }

  /** How many more may start. */
  function room(pool: Pool): number {
    if (isSlow(pool)) {
      const inLane = [...pools.values()].filter(isSlow).reduce((sum, { startedAt }) => sum + startedAt.size, 0);
      return slowLane - inLane;
    }
    return pool.lastMs === null ? UNKNOWN_POOL_AT_ONCE - pool.startedAt.size : concurrency;
  }

  /** One after another, at the pace of the slow lane, rather than all at once. */
  function turnOf(pool: Pool): number {
    const { lastMs, failures } = pool;
    if (!isSlow(pool)) return LONGEST_WAIT_MS.unknown;
    pool.nextTurnAt = Math.max(now(), pool.nextTurnAt) + (lastMs ?? SLOW_MS) / slowLane;
    const isSilent = lastMs === null || failures !== null;
    return Math.min(pool.nextTurnAt - now(), isSilent ? LONGEST_WAIT_MS.silent : LONGEST_WAIT_MS.slow);
  }

  /** Others of the domain were answered since it was throttled first: then it is not the quota. */
  function isOnlyThisPool({ domain, failures }: Pool): boolean {
    return isFailing(failures) && othersAnsweredSince(failures.since, domain);
  }

  function othersAnsweredSince(since: number, domain: string): boolean {
    return [...pools.values()].some((other) => other.domain === domain && other.lastOkAt > since);
  }

  return {
    throttlesAlone(key) {
      const pool = pools.get(key);
      return pool !== undefined && pool.failures !== null && othersAnsweredSince(pool.failures.since, pool.domain);
    },
    enter(key, domain) {
      const pool = pools.get(key) ?? { ...UNKNOWN, domain, startedAt: new Set() };
      pools.set(key, pool);
      const mayStart = room(pool) > 0;
      if (isFailing(pool.failures) && (pool.startedAt.size > 0 || !mayStart)) {
        return { kind: 'failing', reason: pool.failures.reason };
      }
      if (!mayStart) return { kind: 'later', waitMs: turnOf(pool) };
      const visit = { at: now() };
      pool.startedAt.add(visit);
      return {
        kind: 'go',
        answered(lookup) {
          pool.lastMs = now() - visit.at;
          if (lookup.kind !== 'failed' || !isTransient(lookup.reason)) {
            pool.failures = null;
            pool.lastOkAt = now();
            return false;
          }
          const { count, since } = pool.failures ?? { count: 0, since: visit.at };
          pool.failures = { count: count + 1, since, reason: lookup.reason };
          return lookup.reason === 'throttled' && !isOnlyThisPool(pool);
        },
        [Symbol.dispose]: () => void pool.startedAt.delete(visit),
      };
    },
  };
}

const UNKNOWN = { lastMs: null, lastOkAt: 0, failures: null, nextTurnAt: 0 };

function isFailing(failures: Pool['failures']): failures is NonNullable<Pool['failures']> {
  return failures !== null && failures.count >= FAILING_AFTER;
}
