import { isTransient } from '#shared/contract/reasons.ts';
import type { Lookup } from '../cognito/user-directory.ts';
import { createBulkhead, type BulkheadOptions, type Entry, type Visit } from './bulkhead.ts';

export interface PoolVisit extends Pick<Visit, 'patienceMs' | typeof Symbol.dispose> {
  /** What came of it. `true`: the whole domain should slow down. Not called where nothing was asked. */
  answered(lookup: Lookup): boolean;
}

export interface PoolGuard {
  enter(pool: string, domain: string): Entry<PoolVisit>;
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
        answered(lookup) {
          const failure = lookup.kind === 'failed' && isTransient(lookup.reason) ? lookup.reason : null;
          entry.answered(failure);
          return failure === 'throttled' && !bulkhead.isAloneInFailing(pool); // otherwise it is not the quota
        },
      };
    },
  };
}
