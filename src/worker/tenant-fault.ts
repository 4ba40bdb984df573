import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { ReasonOf } from '#shared/contract/reasons.ts';
import type { TakenSeed } from './take-seed.ts';

type Tenant = Pick<TakenSeed, 'run' | 'tenant'>;

export interface TenantFault {
  readonly reason: ReasonOf<'tenant'>;
  /** What would mend it, for the operator. */
  readonly fix?: string | undefined;
}

/**
 * One definitive answer for the tenant's other seeds, which need not ask again. It is as old as the question: an answer
 * that was asked for before the cause was mended, and came after the replay, says nothing about the replayed seeds.
 */
export async function recordTenantFault(
  em: EntityManager,
  { run, tenant, takenAt }: Tenant & Pick<TakenSeed, 'takenAt'>,
  { reason, fix }: TenantFault,
) {
  await em.execute(sql`
    update rolecall.release_tenant
    set fault_reason = ${reason}, fault_detail = ${fix ?? null}, fault_at = greatest(fault_at, ${takenAt}::timestamptz)
    where run = ${run} and tenant = ${tenant}`);
}

/** Somebody got through: the cause is gone. */
export async function clearTenantFault(em: EntityManager, { run, tenant }: Tenant) {
  await em.execute(sql`
    update rolecall.release_tenant set fault_reason = null, fault_detail = null, fault_at = null
    where run = ${run} and tenant = ${tenant} and fault_reason is not null`);
}
