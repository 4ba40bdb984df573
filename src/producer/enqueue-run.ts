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

const PAGE = 1_000; // as many as go into the queue at once, so that one page is fetched while another is sent

/** By pages of ids, so that memory stays flat however many there are. */
async function* unsettledSeeds(em: EntityManager, run: RunId): AsyncGenerator<SeedToQueue> {
  let after = 0;
  for (;;) {
    const rows = await em.execute<{ id: string; tenant: TenantId; label: Label; ordinal: number }[]>(sql`
      select id, tenant, label, ordinal from rolecall.seed
      where run = ${run} and id > ${after} and state in ('pending', 'retrying', 'waiting')
      order by id limit ${PAGE}`);
    for (const { id, ...seed } of rows) yield { ...seed, run, seedId: Number(id) as SeedId };
    if (rows.length < PAGE) return;
    after = Number(rows.at(-1)?.id);
  }
}
