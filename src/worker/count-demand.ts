import { randomBytes } from 'node:crypto';
import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId } from '#shared/contract/ids.ts';
import type { PoolDemand } from './cognito/pool-scans.ts';
import { poolKey, type UserPool } from './cognito/user-directory.ts';

const WORKER = 'rolecall-work-';

/** What a worker process calls its connections to the ledger, so that the others can count it. */
export function nameWorker(): string {
  return WORKER + randomBytes(8).toString('hex');
}

export interface DemandCountDeps {
  /** A fresh one for each statement. */
  em(): EntityManager;
  now(): number;
}

/** As long as the first seeds of all pools of a run come in. */
const KEEP_MS = 5_000;

/**
 * Seeds of current runs, of whichever tenant, whose user is to be found in a pool; but not those that were missing at the
 * last look: they hardly appear in a walk, and are looked for directly in the end. All pools are counted at once, and again for
 * a newer run than any before.
 */
export function createDemandCount({ em, now }: DemandCountDeps) {
  let last: { readonly run: RunId; readonly atMs: number; readonly demand: Promise<Demand> } | null = null;
  return async (pool: UserPool, run: RunId): Promise<PoolDemand> => {
    if (last === null || run > last.run || now() >= last.atMs + KEEP_MS) {
      last = { run, atMs: now(), demand: countDemand(em()) };
    }
    const { workers, seeds } = await last.demand;
    return { workers, seeds: seeds.get(poolKey(pool)) ?? 0 };
  };
}

interface Demand {
  readonly workers: number;
  readonly seeds: ReadonlyMap<string, number>;
}

/**
 * Workers are those with connections to the ledger, of which the reconciler keeps one open; BullMQ counts its own only after
 * a while, and some others too.
 */
async function countDemand(em: EntityManager): Promise<Demand> {
  const rows = await em.execute<{ pool: UserPool | null; seeds: number; workers: number }[]>(sql`
    select t.settings -> 'userPool' as pool, coalesce(wanted.seeds, 0)::int as seeds, w.workers
    from (
      select greatest(1, count(distinct application_name))::int as workers from pg_stat_activity
      where datname = current_database() and starts_with(application_name, ${WORKER})
    ) w
    left join (
      select s.run, s.tenant, count(*) as seeds
      from rolecall.release r join rolecall.seed s using (run)
      where r.superseded_at is null
        and s.state in ('pending', 'retrying') and coalesce(s.suspected_reason, '') <> 'user-missing'
      group by s.run, s.tenant
    ) wanted on true
    left join rolecall.release_tenant t using (run, tenant)`);
  const seeds = new Map<string, number>();
  for (const row of rows) {
    if (row.pool === null) continue; // nobody is wanted
    const key = poolKey(row.pool);
    seeds.set(key, (seeds.get(key) ?? 0) + row.seeds);
  }
  return { workers: rows[0]?.workers ?? 1, seeds };
}
