import { isTransient, type Reason } from '#shared/contract/reasons.ts';
import type { TenantSettings } from '#shared/contract/tenant-settings.ts';
import { classifyDatabaseError } from './database-errors.ts';
import { explainRefusal } from './explain-refusal.ts';
import { findRoleIds } from './find-role-ids.ts';
import type { GrantsFailed, GrantsWritten, GrantStore } from './grant-store.ts';
import type { TableVerdict } from './judge-table.ts';
import type { TableLayout } from './table-layout.ts';
import type { MappedGrants, TableLayouts } from './table-layouts.ts';
import { writeGrants } from './write-grants.ts';

/** The tenant's own table: what it looks like is read from the catalog, and the verdict of a stale reading never counts. */
export function createMappedGrants(layouts: TableLayouts): GrantStore {
  return {
    isVerified: (grants) => layouts.isKnown(mappedGrants(grants)),
    async verify(em, grants) {
      try {
        const verdict = await layouts.find(em, mappedGrants(grants), true);
        return verdict.kind === 'unfit' ? unfit(verdict) : null;
      } catch (cause) {
        return { kind: 'failed', reason: classifyDatabaseError(cause), cause };
      }
    },
    async write(tx, place, wanted, { readAfresh }) {
      const grants = mappedGrants(place);
      let known = false;
      let layout: TableLayout | null = null;
      const judged = (failure: GrantsFailed): GrantsWritten => {
        if (!known || isTransient(failure.reason)) return failure;
        layouts.forget(grants);
        return { kind: 'outdated' };
      };
      try {
        const verdict = await layouts.find(tx, grants, readAfresh);
        known = verdict.known;
        if (verdict.kind === 'unfit') return unfit(verdict);
        ({ layout } = verdict);
        const seeds = wanted.map((seed) => ({ ...seed, tenant: seed.grants.table?.tenantValue ?? seed.tenant }));
        const found = await findRoleIds(tx, grants, seeds);
        if (found.kind === 'unknown') {
          return { kind: 'failed', reason: 'role-unknown', cause: 'the table of roles', fix: found.fix };
        }
        const toWrite = seeds.map((seed) => ({
          ...seed,
          roles: seed.roles.map((role) => found.find(seed.tenant, role)),
        }));
        const written = await writeGrants(tx, layout, toWrite);
        return written.kind === 'failed' ? judged(written) : written;
      } catch (cause) {
        const reason = classify(cause, layout?.roleKeys ?? []);
        return judged(explainRefusal(reason, cause, { grants, layout, wanted }));
      }
    },
  };
}

/** A foreign key of the user, say, is no word about the role. */
function classify(cause: unknown, roleKeys: readonly string[]): Reason {
  const reason = classifyDatabaseError(cause);
  const { constraint } = cause as { constraint?: unknown }; // of PostgreSQL's message; elsewhere there is none
  return reason === 'role-unknown' && !roleKeys.includes(String(constraint)) ? 'grants-refused' : reason;
}

function mappedGrants(grants: TenantSettings['grants']): MappedGrants {
  const { table } = grants;
  if (table === undefined) throw new TypeError('the tenant has no table of its own');
  return { ...grants, table };
}

function unfit({ reason, fix }: Extract<TableVerdict, { kind: 'unfit' }>): GrantsFailed {
  return { kind: 'failed', reason, cause: 'the table does not fit', fix };
}
