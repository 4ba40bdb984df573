import { isTransient } from '#shared/contract/reasons.ts';
import type { Lookup } from '../cognito/user-directory.ts';
import { createBulkhead, type BulkheadOptions, type Entry, type Visit } from './bulkhead.ts';

export interface PoolVisit extends Pick<Visit, 'patienceMs' | typeof Symbol.dispose> {
  /** What came of it. Not called where nothing was asked. */
  answered(lookup: Lookup): void;
}

export interface PoolGuard {
  enter(pool: string, domain: string): Entry<PoolVisit>;
  /** Whether one more throttle of its lookups, which is being heard of, is its own trouble and none of its domain. */
  throttlesAlone(pool: string): boolean;
}

/** Keeps a pool that is slow, fails or hangs from holding up the lookups in others. */
export function createPoolGuard(options: BulkheadOptions): PoolGuard {
  const bulkhead = createBulkhead(options);
  return {
    enter(pool, domain) {
      const entry = bulkhead.enter(pool, domain);
      if (entry.kind !== 'go') return entry;
      entry.ask(); // from here on: fetching credentials may hang as well
      return {
        ...entry,
        answered: (lookup) =>
          entry.answered(lookup.kind === 'failed' && isTransient(lookup.reason) ? lookup.reason : null),
      };
    },
    throttlesAlone: (pool) => bulkhead.wouldFailAlone(pool),
  };
}
