import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { Role } from '#shared/contract/roles.ts';
import { rowsIfMigrated, type Ask } from '#shared/ledger/applied-migrations.ts';

/** A role of the manifest that the table knows under another id: a second role with the same name would be a trap. */
export interface RoleConflict {
  readonly name: string;
  readonly wanted: string;
  readonly found: string;
}

/**
 * Makes the table `roles` of one schema say what the manifest says; again changes nothing. With a conflict it writes
 * nothing at all. A role that the manifest no longer names stays: grants may refer to it.
 */
export async function ensureRoles(em: EntityManager, schema: string, roles: readonly Role[]): Promise<RoleConflict[]> {
  const table = sql.ref(`${schema}.roles`);
  const wanted = sql`jsonb_to_recordset(${JSON.stringify(roles)}::jsonb) as wanted(id uuid, name text, description text)`;
  return em.transactional(async (tx) => {
    const conflicts = await tx.execute<RoleConflict[]>(sql`
      select wanted.name, wanted.id::text as wanted, known.id::text as found
      from ${wanted} join ${table} known on known.name = wanted.name and known.id <> wanted.id
      order by wanted.name`);
    if (conflicts.length > 0) return conflicts;
    await tx.execute(sql`
      insert into ${table} as known (id, name, description) select id, name, description from ${wanted}
      on conflict (id) do update set name = excluded.name, description = excluded.description
      where (known.name, known.description) is distinct from (excluded.name, excluded.description)`);
    return [];
  });
}

/** Whether the table, whose name is quoted, says so already: then nothing needs to be locked or written. */
export async function hasRoles(ask: Ask, table: string, roles: readonly Role[]): Promise<boolean> {
  const rows = await rowsIfMigrated(
    ask<{ known: number }>(
      `select count(*)::int as known from ${table} known
       join jsonb_to_recordset($1::jsonb) as wanted(id uuid, name text, description text)
         on (wanted.id, wanted.name, wanted.description) = (known.id, known.name, known.description)`,
      [JSON.stringify(roles)],
    ),
  );
  return rows[0]?.known === roles.length;
}
