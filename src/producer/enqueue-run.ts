import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { Label } from '#shared/contract/label.ts';
import { addJobs, type SeedToQueue } from '#shared/queue/add-jobs.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';

/**
 * Gives every seed of the run that still needs work its job; one that has a job keeps it. A blocked seed is left to the
 * operator. Returns how many seeds were looked after.
 */
export async function enqueueRun(em: EntityManager, queue: SeedQueue, run: RunId): Promise<number> {
  return addJobs(queue, unsettledSeeds(em, run));
}

/** Seeds that go into the queue at once: one page is fetched while another is sent. Fewer where others took ids meanwhile. */
const PAGE = 1_000;

/**
 * By pages, so that memory stays flat however many there are. Pages are ranges of ids, and the sum hides the run from the planner:
 * nobody has analyzed a run that is this new, so PostgreSQL takes it for a few rows, and would read and sort all of it for each page.
 */
async function* unsettledSeeds(em: EntityManager, run: RunId): AsyncGenerator<SeedToQueue> {
  const [ids] = await em.execute<{ first: string; last: string }[]>(sql`
    select min(id) as first, max(id) as last from rolecall.seed
    where run = ${run} and state in ('pending', 'retrying', 'waiting') having count(*) > 0`);
  if (ids === undefined) return;
  for (let from = Number(ids.first); from <= Number(ids.last); from += PAGE) {
    const rows = await em.execute<{ id: string; tenant: TenantId; label: Label; ordinal: number }[]>(sql`
      select id, tenant, label, ordinal from rolecall.seed
      where run + 0 = ${run} and id >= ${from} and id < ${from + PAGE} and state in ('pending', 'retrying', 'waiting')
      order by id`);
    for (const { id, ...seed } of rows) yield { ...seed, run, seedId: Number(id) as SeedId };
  }
}
