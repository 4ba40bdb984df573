import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId } from '#shared/contract/ids.ts';

/** Deleted by one statement, in about 50 ms. */
const CHUNK = 5_000;

/**
 * Deletes the seeds, and with them the emails, of runs that were superseded longer ago than the retention, and how their
 * tenants were set. The run stays, since its release id must always mean the same manifest; it is marked before the first
 * seed goes, so that no gate counts what is left. Returns how many seeds went.
 */
export async function pruneSeeds(em: EntityManager, retentionDays: number, signal: AbortSignal): Promise<number> {
  let pruned = 0;
  while (!signal.aborted) {
    const deleted = await em.transactional((tx) => pruneChunk(tx, retentionDays));
    if (deleted === null) break;
    pruned += deleted;
  }
  return pruned;
}

/** `null`: there is no such run, or other workers are at them all. */
async function pruneChunk(tx: EntityManager, retentionDays: number): Promise<number | null> {
  const run = await lockOverdueRun(tx, retentionDays);
  if (run === null) return null;
  await tx.execute(sql`
    update rolecall.release set pruned_at = clock_timestamp() where run = ${run} and pruned_at is null`);
  const [deleted] = await tx.execute<{ seeds: number }[]>(sql`
    with gone as (
      delete from rolecall.seed
      where id = any(array(select id from rolecall.seed where run = ${run} limit ${CHUNK}))
      returning 1
    )
    select count(*)::int as seeds from gone`);
  const seeds = deleted?.seeds ?? 0;
  if (seeds < CHUNK) await tx.execute(sql`delete from rolecall.release_tenant where run = ${run}`);
  return seeds;
}

/** Its tenants go last: a run that is marked and has some is not done with, be it that a worker died over it. */
async function lockOverdueRun(tx: EntityManager, retentionDays: number): Promise<RunId | null> {
  const [row] = await tx.execute<{ run: string }[]>(sql`
    select run from rolecall.release r
    where superseded_at < now() - make_interval(days => ${retentionDays})
      and (pruned_at is null or exists (select from rolecall.release_tenant t where t.run = r.run))
    order by run limit 1
    for update skip locked`);
  return row === undefined ? null : (Number(row.run) as RunId); // a row of `release`, so its run is one
}
