import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import type { Column, TableLayout } from './table-layout.ts';
import { asTable, cast, type GrantRow } from './wanted-rows.ts';

/** For a lock that one seed needs, the others of its batch do not wait longer: they are tried apart, and it waits alone. */
export const LOCK_PATIENCE = '500ms';
/** As long as for Cognito: somebody who has locked the whole table must not keep a worker's slots and connections. */
export const LONE_LOCK_PATIENCE = '5s';

/**
 * Waits until nobody else is deciding the same: per user, scope and role where no unique index would stop a second row,
 * and per user and scope where it counts whether there is any row. The locks go with the transaction. All are taken in
 * one order, the same for everybody, so that no two batches wait for each other. They hold between rolecall's workers:
 * an application that writes the table at the same moment does not ask for them.
 */
export async function lockGrants(tx: EntityManager, layout: TableLayout, rows: readonly GrantRow[]): Promise<void> {
  const { table, user, tenant, scope, role, arbiters } = layout;
  const isCovered = (row: GrantRow) => (row.scope === null ? arbiters.unscoped : arbiters.scoped) !== null;
  const locks = rows.flatMap((row) => [
    ...(row.anyRole ? [{ ...row, role: null }] : []),
    ...(isCovered(row) ? [] : [row]),
  ]);
  if (locks.length === 0) return;
  // A statement of its own: what follows must see what was committed while this one waited.
  await tx.execute(sql`
    with keys as materialized (
      select distinct hashtextextended('[' || concat_ws(',',
          '"rolecall"', to_json(${table}::text)::text, coalesce(${asJson('tenant', tenant)}, 'null'), ${asJson('user', user)},
          coalesce(${asJson('scope', scope)}, 'null'), ${asJson('role', role)}
        ) || ']', 0) as key
      from ${asTable(locks)} ${raw('wanted')}
      order by 1
    )
    select pg_advisory_xact_lock(key) from keys`);
}

/** Of what the column holds, and not of the text: those of one grant may differ. */
function asJson(key: 'user' | 'tenant' | 'role' | 'scope', column: Column | null) {
  return column === null ? sql`null` : sql`to_json(${cast(key, column)}::text)::text`;
}
