import type { EntityManager } from '@mikro-orm/postgresql';
import { findSuperseded } from '#shared/ledger/find-superseded.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import { removeFailedJobs } from '#shared/queue/remove-failed-jobs.ts';

export interface JobsToKeep {
  /** In seconds since they were completed. */
  readonly age: number;
  readonly count: number;
}

/**
 * Removes jobs that nobody needs: failed ones of superseded runs, which a producer that died half-way has left, and completed
 * ones beyond what is kept. On Redis BullMQ trims those as well, but only while jobs are completed.
 */
export async function pruneJobs(
  em: EntityManager,
  queue: SeedQueue,
  keep: JobsToKeep,
  signal: AbortSignal,
): Promise<void> {
  await removeFailedJobs(queue, { superseded: (runs) => findSuperseded(em, runs), signal });
  await queue.clean(keep.age * 1000, 0, 'completed');
  const tooMany = (await queue.getCompletedCount()) - keep.count;
  if (tooMany > 0) await queue.clean(0, tooMany, 'completed');
}
