import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { TableLayout } from './table-layout.ts';
import type { GrantsToWrite } from './write-grants.ts';

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
export async function lockGrants(
  tx: EntityManager,
  layout: TableLayout,
  wanted: readonly GrantsToWrite[],
): Promise<void> {
  const keys = wanted.flatMap((seed) => keysOf(layout, seed));
  if (keys.length === 0) return;
  // A statement of its own: what follows must see what was committed while this one waited.
  await tx.execute(sql`
    with keys as materialized (
      select distinct hashtextextended(key, 0) as key
      from jsonb_array_elements_text(${JSON.stringify(keys)}::jsonb) as key
      order by 1
    )
    select pg_advisory_xact_lock(key) from keys`);
}

function keysOf({ table, tenant, arbiters }: TableLayout, { mode, sub, roles, ...wanted }: GrantsToWrite): string[] {
  return roles.flatMap(({ id, scope }) => {
    const within = ['rolecall', table, tenant && wanted.tenant, sub, scope];
    const covered = (scope === null ? arbiters.unscoped : arbiters.scoped) !== null;
    return [...(mode === 'bootstrap' ? [within] : []), ...(covered ? [] : [[...within, id]])].map((key) =>
      JSON.stringify(key),
    );
  });
}
