import { randomBytes } from 'node:crypto';
import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { PoolDemand } from './cognito/pool-scans.ts';
import type { UserPool } from './cognito/user-directory.ts';

const WORKER = 'rolecall-work-';

/** What a worker process calls its connections to the ledger, so that the others can count it. */
export function nameWorker(): string {
  return WORKER + randomBytes(8).toString('hex');
}

/**
 * Seeds of current runs, of whichever tenant, whose user is to be found in this pool; but not those that were missing at
 * the last look: they hardly appear in a walk, and are looked for directly in the end. Workers are those with connections
 * to the ledger, of which the reconciler keeps one open; BullMQ counts its own only after a while, and some others too.
 */
export async function countDemand(em: EntityManager, pool: UserPool): Promise<PoolDemand> {
  const { id, region, endpoint = null, assumeRole } = pool;
  const role = assumeRole === undefined ? null : JSON.stringify(assumeRole);
  const [row] = await em.execute<PoolDemand[]>(sql`
    select count(*)::int as seeds,
           (select greatest(1, count(distinct application_name))::int from pg_stat_activity
            where datname = current_database() and starts_with(application_name, ${WORKER})) as workers
    from rolecall.release r
    join rolecall.release_tenant t on t.run = r.run
    join rolecall.seed s on s.run = t.run and s.tenant = t.tenant
    where r.superseded_at is null
      and t.settings->'userPool'->>'id' = ${id}
      and t.settings->'userPool'->>'region' = ${region}
      and t.settings->'userPool'->>'endpoint' is not distinct from ${endpoint}
      and t.settings->'userPool'->'assumeRole' is not distinct from ${role}::jsonb
      and s.state in ('pending', 'retrying') and coalesce(s.suspected_reason, '') <> 'user-missing'`);
  return row ?? { seeds: 0, workers: 1 };
}
