import { createHash } from 'node:crypto';
import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RoleId, RunId, SeedId, Sub, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import { classifyDatabaseError } from './database-errors.ts';

export interface WantedGrants {
  readonly run: RunId;
  readonly seedId: SeedId;
  readonly tenant: TenantId;
  readonly schema: string;
  readonly sub: Sub;
  readonly roles: readonly SeedRole[];
}

export type GrantsWritten =
  /** `made`: the roles whose grant this seed made, now or in an earlier attempt that did not get to say so. */
  | { readonly kind: 'written'; readonly made: readonly RoleId[] }
  | { readonly kind: 'failed'; readonly reason: Reason; readonly cause: unknown };

/**
 * Ensures all roles of one seed in the managed tables; again changes nothing. Of two copies of a job that race, one adds
 * the row and the other adds nothing. The id of a new row is derived from the seed: whoever comes back after a crash can
 * tell the grants this seed made from those that somebody else made, and the audit trail misses none.
 */
export async function ensureGrants(em: EntityManager, wanted: WantedGrants): Promise<GrantsWritten> {
  const { tenant, sub, schema } = wanted;
  const table = sql.ref(`${schema}.user_role`);
  const rows = sql`jsonb_to_recordset(${JSON.stringify(rowsOf(wanted))}::jsonb) as wanted(id uuid, role_id uuid)`;
  try {
    const added = await em.execute<{ role_id: RoleId }[]>(sql`
      insert into ${table} (id, tenant_id, user_id, role_id)
      select wanted.id, ${tenant}, ${sub}::uuid, wanted.role_id from ${rows}
      on conflict (tenant_id, user_id, role_id) do nothing
      returning role_id`);
    if (added.length === wanted.roles.length) return { kind: 'written', made: added.map(({ role_id }) => role_id) };
    const made = await em.execute<{ role_id: RoleId }[]>(sql`
      select held.role_id from ${rows} join ${table} held on held.id = wanted.id`);
    return { kind: 'written', made: made.map(({ role_id }) => role_id) };
  } catch (cause) {
    return { kind: 'failed', reason: classifyDatabaseError(cause), cause };
  }
}

function rowsOf({ run, seedId, roles }: WantedGrants) {
  return roles.map(({ id }) => ({ id: grantId(run, seedId, id), role_id: id }));
}

/** A version 8 UUID (RFC 9562: custom) over run, seed and role. */
function grantId(run: RunId, seedId: SeedId, role: RoleId): string {
  const hex = createHash('sha256').update(`${run}:${seedId}:${role}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
