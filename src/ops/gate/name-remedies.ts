import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { TenantId } from '#shared/contract/ids.ts';
import type { Gate } from './gate.ts';

/**
 * Beside what closes a gate, the statement that would mend it, where a worker could tell. Asked only of a closed gate. As
 * JSON the column may be missing: the question is also put to a ledger that the next release has yet to migrate.
 */
export async function nameRemedies(em: EntityManager, gate: Gate): Promise<Gate> {
  if (gate.state !== 'blocked') return gate;
  const remedies = await em.execute<{ tenant: TenantId; reason: string; fix: string | null }[]>(sql`
    select tenant, fault_reason as reason, to_jsonb(t) ->> 'fault_detail' as fix
    from rolecall.release_tenant t
    where run = ${gate.run} and fault_reason is not null`);
  const fixes = new Map(remedies.map(({ tenant, reason, fix }) => [`${tenant} ${reason}`, fix]));
  const reasons = gate.reasons.map((closing) => {
    const fix = fixes.get(`${closing.tenant} ${closing.reason}`);
    return fix ? { ...closing, fix } : closing;
  });
  return { ...gate, reasons };
}
