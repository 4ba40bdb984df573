import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { ReasonOf } from '#shared/contract/reasons.ts';
import type { TakenSeed } from './take-seed.ts';

type Tenant = Pick<TakenSeed, 'run' | 'tenant'>;

export interface TenantFault {
  readonly reason: ReasonOf<'tenant'>;
  /** What would mend it, for the operator. */
  readonly fix?: string | undefined;
}

/** One definitive answer for the tenant's other seeds, which need not ask again. Again makes it newer than a replay. */
export async function recordTenantFault(em: EntityManager, { run, tenant }: Tenant, fault: TenantFault) {
  await em.execute(sql`
    update rolecall.release_tenant
    set fault_reason = ${fault.reason}, fault_detail = ${fault.fix ?? null}, fault_at = clock_timestamp()
    where run = ${run} and tenant = ${tenant}`);
}

/** Somebody got through: the cause is gone. */
export async function clearTenantFault(em: EntityManager, { run, tenant }: Tenant) {
  await em.execute(sql`
    update rolecall.release_tenant set fault_reason = null, fault_detail = null, fault_at = null
    where run = ${run} and tenant = ${tenant} and fault_reason is not null`);
}
