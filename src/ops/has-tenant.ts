import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, TenantId } from '#shared/contract/ids.ts';

/** A tenant that is misspelt must not look like one of which nothing is left to do. */
export async function hasTenant(em: EntityManager, runs: readonly RunId[], tenant: TenantId): Promise<boolean> {
  if (runs.length === 0) return false; // there may be no table to ask
  const found = await em.execute(sql`
    select from rolecall.seed where run = any(${`{${runs.join()}}`}::bigint[]) and tenant = ${tenant} limit 1`);
  return found.length > 0;
}
