import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, TenantId } from '#shared/contract/ids.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import type { Gate } from './gate.ts';

interface Remedy {
  readonly tenant: TenantId;
  readonly reason: string;
  readonly fix: string;
}

/**
 * Beside what closes a gate, what would mend it, where workers could tell. Asked only of a closed gate. The columns may be
 * missing: the question is also put to a ledger that the next release has yet to migrate.
 */
export async function nameRemedies(em: EntityManager, gate: Gate): Promise<Gate> {
  if (gate.state !== 'blocked' || gate.run === null) return gate;
  const remedies = [...(await fixesOfTenants(em, gate.run)), ...(await fixesOfSeeds(em, gate.run))];
  const known = Map.groupBy(remedies, ({ tenant, reason }) => `${tenant} ${reason}`);
  const reasons = gate.reasons.map((closing) => {
    const fixes = known.get(`${closing.tenant} ${closing.reason}`)?.map(({ fix }) => fix);
    return fixes === undefined ? closing : { ...closing, fix: inBrief(fixes) };
  });
  return { ...gate, reasons };
}

function fixesOfTenants(em: EntityManager, run: RunId): Promise<Remedy[]> {
  return em.execute<Remedy[]>(sql`
    select tenant, fault_reason as reason, to_jsonb(t) ->> 'fault_detail' as fix
    from rolecall.release_tenant t
    where run = ${run} and fault_reason is not null and to_jsonb(t) ->> 'fault_detail' <> ''`);
}

/** From one fix to the next through `seed_fix_idx`: a hundred thousand seeds that share one cost no more than one seed. */
async function fixesOfSeeds(em: EntityManager, run: RunId): Promise<Remedy[]> {
  const hash = sql`hashtextextended(fix, 0)`;
  const next = (after = sql`true`) => sql`
    select tenant, reason, fix, ${hash} as hash
    from rolecall.seed
    where run = ${run} and state = 'blocked' and fix is not null and ${after}
    order by tenant, reason, ${hash}
    limit 1`;
  try {
    return await em.execute<Remedy[]>(sql`
      with recursive found as (
        (${next()})
        union all
        select following.* from found cross join lateral (
          ${next(sql`(tenant, reason, ${hash}) > (found.tenant, found.reason, found.hash)`)}
        ) as following
      )
      select tenant, reason, fix from found`);
  } catch (error) {
    if (codeOf(error) === NO_SUCH_COLUMN) return [];
    throw error;
  }
}

const NO_SUCH_COLUMN = '42703';

/** More than this nobody reads: most causes are one, and the next ones show when these are mended. */
const SHOWN_FIXES = 3;

/** Pure: a line for each of the first fixes, and one that counts the rest. */
export function inBrief(fixes: readonly string[]): string {
  const more = fixes.length - SHOWN_FIXES;
  return [...fixes.slice(0, SHOWN_FIXES), ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}
