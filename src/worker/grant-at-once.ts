import { raw, sql } from '@mikro-orm/postgresql';
import type { SeedId } from '#shared/contract/ids.ts';
import { movingSeeds } from '#shared/ledger/move-seed.ts';
import type { SeedToGrant } from './grant-seeds.ts';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { isDatabaseAway } from './grants/database-errors.ts';
import { LOCK_PATIENCE } from './grants/lock-grants.ts';
import { placeOf } from './grants/grants-place.ts';
import { quotedTable } from './grants/table-layout.ts';
import { rowsOf } from './grants/wanted-rows.ts';
import type { Outcome } from './outcome.ts';

/**
 * What most batches are, in one statement instead of six: seeds whose grants live in the managed tables beside the ledger,
 * and which they hold already or get. `null`: this batch is something else, or something stands in the way. Nothing was
 * written then, and the transaction that comes instead finds out what it is.
 */
export async function grantAtOnce(execute: RunStatement, batch: readonly SeedToGrant[]): Promise<Outcome[] | null> {
  if (!isOfManagedTables(batch)) return null;
  try {
    const [done] = await execute<[Done]>(statement(batch));
    const added = new Map(done.moved.map(({ id, added: count }) => [Number(id) as SeedId, count]));
    return batch.map(({ seed, sub }) => {
      const count = added.get(seed.id);
      return count === undefined ? { kind: 'overtaken' } : { kind: 'granted', sub, added: count };
    });
  } catch (error) {
    if (isDatabaseAway(error)) throw error;
    return null;
  }
}

interface Done {
  readonly moved: readonly { readonly id: number; readonly added: number }[];
}

/** Unlike `bootstrap`, `ensure` needs no lock there: a unique index stops the second grant. */
function isOfManagedTables(batch: readonly SeedToGrant[]): boolean {
  const [first] = batch;
  if (first === undefined || first.seed.grants.table !== undefined) return false;
  const place = placeOf(first.seed.grants);
  return batch.every(({ seed }) => seed.mode === 'ensure' && placeOf(seed.grants) === place);
}

/**
 * All of it sees the moment at which it began, so a grant that somebody else makes meanwhile is neither held nor added: the
 * division by zero undoes everything. Locks are waited for as long as in a batch's transaction; the condition has that set
 * before the first of them.
 */
function statement(batch: readonly SeedToGrant[]) {
  const moves = batch.map(({ seed, sub }) => ({ id: seed.id, next: { kind: 'granted' as const, sub } }));
  const rows = batch.flatMap(({ seed, sub }) => {
    const roles = seed.roles.flatMap(({ id }) => (id === undefined ? [] : [{ id, scope: null }]));
    return rowsOf({ ...seed, seedId: seed.id, sub, roles });
  });
  const table = raw(quotedTable(batch[0]?.seed.grants.schema ?? '', 'user_role'));
  return sql`
    with patience as materialized (
      select set_config('lock_timeout', ${LOCK_PATIENCE}, true)
    ), ${movingSeeds('granted', moves, sql`exists (select from patience)`)}, wanted as materialized (
      select moved.id as seed, moved.run, moved.tenant, moved.sub, role.role, role.id, exists (
          select from ${table} held
          where held.tenant_id = moved.tenant and held.user_id = moved.sub and held.role_id = role.role
        ) as held
      from moved join (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as role(seed bigint, role uuid, id uuid)
        limit ${rows.length}
      ) role on role.seed = moved.id
    ), added as (
      insert into ${table} (id, tenant_id, user_id, role_id)
      select id, tenant, sub, role from wanted where not held order by sub, tenant, role
      on conflict (tenant_id, user_id, role_id) do nothing
      returning id, tenant_id, user_id, role_id
    ), audited as (
      insert into rolecall.audit (run, tenant, seed, sub, role, event)
      select run, tenant, seed, sub, role, 'granted' from wanted join added using (id) order by seed, role
      on conflict (seed, sub, role, coalesce(scope, '')) do nothing
    )
    select coalesce(json_agg(json_build_object('id', moved.id, 'added', (
        select count(*) from wanted where wanted.seed = moved.id and not held
      ))), '[]') as moved,
      1 / (not exists (
        select from wanted where not held and not exists (
          select from added where added.id = wanted.id and tenant_id = tenant and user_id = sub and role_id = role
        )
      ))::int as complete
    from moved`;
}
