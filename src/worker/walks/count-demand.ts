import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId } from '#shared/contract/ids.ts';
import { poolKey, type UserPool } from '../cognito/user-directory.ts';

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
  return async (pool: UserPool, run: RunId): Promise<number> => {
    if (last === null || run > last.run || now() >= last.atMs + KEEP_MS) {
      const demand = countDemand(em());
      last = { run, atMs: now(), demand };
      demand.catch(() => {
        if (last?.demand === demand) last = null; // whoever waits for it hears of it; the next one counts anew
      });
    }
    return (await last.demand).get(poolKey(pool)) ?? 0;
  };
}

/** By `poolKey`. */
type Demand = ReadonlyMap<string, number>;

async function countDemand(em: EntityManager): Promise<Demand> {
  const rows = await em.execute<{ pool: UserPool; seeds: number }[]>(sql`
    select t.settings -> 'userPool' as pool, wanted.seeds::int
    from (
      select s.run, s.tenant, count(*) as seeds
      from rolecall.release r join rolecall.seed s using (run)
      where r.superseded_at is null
        and s.state in ('pending', 'retrying') and coalesce(s.suspected_reason, '') <> 'user-missing'
      group by s.run, s.tenant
    ) wanted
    join rolecall.release_tenant t using (run, tenant)`);
  const demand = new Map<string, number>();
  for (const { pool, seeds } of rows) demand.set(poolKey(pool), (demand.get(poolKey(pool)) ?? 0) + seeds);
  return demand;
}
