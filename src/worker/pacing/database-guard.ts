import { isTransient, type Reason } from '#shared/contract/reasons.ts';
import type { TenantSettings } from '#shared/contract/tenant-settings.ts';
import type { GrantsDatabases } from '../grants/grants-databases.ts';
import { createBulkhead, type BulkheadOptions, type Entry } from './bulkhead.ts';

export interface DatabaseVisit extends Disposable {
  /** Runs what asks the database, and learns from what comes of it. `failureOf`: `null`, it answered. */
  watch<T>(work: () => Promise<T>, failureOf: (result: T) => Reason | null | 'unknown'): Promise<T>;
}

export interface DatabaseGuard {
  /** Before Cognito is asked, so that a tenant whose database is away uses up no quota. */
  enter(grants: TenantSettings['grants']): Entry<DatabaseVisit>;
}

export interface DatabaseGuardOptions extends BulkheadOptions {
  readonly siteOf: GrantsDatabases['siteOf'];
}

/** A grant in another database holds a connection to the ledger: those that hang must leave some of its 23 to the others. */
const AT_ONCE = 20;

/** Keeps a database that is away, or a table that somebody has locked, from holding up the grants of other tenants. */
export function createDatabaseGuard({ siteOf, concurrency, now }: DatabaseGuardOptions): DatabaseGuard {
  const bulkhead = createBulkhead({ concurrency: Math.min(concurrency, AT_ONCE), now });
  return {
    enter(grants) {
      const site = siteOf(grants);
      if (site === null) return BESIDE_THE_LEDGER;
      const entry = bulkhead.enter(site.table, site.server);
      if (entry.kind !== 'go') return entry;
      return {
        kind: 'go',
        async watch(work, failureOf) {
          entry.ask();
          try {
            const result = await work();
            const failure = failureOf(result);
            if (failure !== 'unknown') entry.answered(failure !== null && isTransient(failure) ? failure : null);
            return result;
          } finally {
            entry.pause();
          }
        },
        [Symbol.dispose]: () => entry[Symbol.dispose](),
      };
    },
  };
}

/** Without the ledger nobody gets on, so there is nothing to keep apart. */
const BESIDE_THE_LEDGER: Entry<DatabaseVisit> = {
  kind: 'go',
  watch: (work) => work(),
  [Symbol.dispose]: () => {},
};
