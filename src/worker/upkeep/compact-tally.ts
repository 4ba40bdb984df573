import { sql, type EntityManager } from '@mikro-orm/postgresql';

/** Any number, the same in every version. */
const COMPACTOR_LOCK = 7_286_133_013;

/**
 * Folds the deltas of each run and state into one row with their sum, in one statement: what a gate reads beside it has the
 * same sum. Exactly the rows that it deleted are summed, so a delta that comes in meanwhile stays for the next time, and
 * nobody waits for it. Where another worker is at it there is nothing to do.
 */
export async function compactTally(em: EntityManager): Promise<void> {
  await em.execute(sql`
    with lock as materialized (
      select where pg_try_advisory_xact_lock(${COMPACTOR_LOCK})
    ), folded as (
      delete from rolecall.seed_tally
      where exists (select from lock) and (run, state) in (
        select run, state from rolecall.seed_tally group by run, state having count(*) > 1)
      returning run, state, delta
    )
    insert into rolecall.seed_tally (run, state, delta)
    select run, state, sum(delta) from folded group by run, state having sum(delta) <> 0`);
}
