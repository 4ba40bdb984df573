import { isTransient, type Reason } from '#shared/contract/reasons.ts';
import { classifyDatabaseError } from './database-errors.ts';
import { findRoleIds } from './find-role-ids.ts';
import type { GrantsWritten, GrantStore } from './grant-store.ts';
import type { TableLayouts } from './table-layouts.ts';
import { writeGrants } from './write-grants.ts';

/** The tenant's own table: what it looks like is read from the catalog, and the verdict of a stale reading never counts. */
export function createMappedGrants(layouts: TableLayouts): GrantStore {
  return {
    async write(tx, wanted, { readAfresh }) {
      const { table } = wanted.grants;
      if (table === undefined) throw new TypeError('the tenant has no table of its own');
      const grants = { ...wanted.grants, table };
      let known = false;
      const judged = (failure: Extract<GrantsWritten, { kind: 'failed' }>): GrantsWritten => {
        if (!known || isTransient(failure.reason)) return failure;
        layouts.forget(grants);
        return { kind: 'outdated' };
      };
      try {
        const verdict = await layouts.find(tx, grants, readAfresh);
        known = verdict.known;
        if (verdict.kind === 'unfit') return { ...verdict, kind: 'failed', cause: 'the table does not fit' };
        const found = await findRoleIds(tx, grants, wanted.roles);
        if (found.kind === 'refused') return { ...found, kind: 'failed', cause: 'the roles cannot be looked up' };
        const written = await writeGrants(tx, verdict.layout, { ...wanted, roles: found.roles });
        return written.kind === 'failed' ? judged(written) : written;
      } catch (cause) {
        const reason: Reason = classifyDatabaseError(cause);
        return judged({ kind: 'failed', reason, cause });
      }
    },
  };
}
