import type { RunId } from '#shared/contract/ids.ts';
import { parseSeedJobId, seedJobId } from '#shared/contract/seed-job.ts';
import type { SeedQueue } from './open-queue.ts';

export interface FailedJobsToRemove {
  /** Which of these runs are superseded. */
  readonly superseded: (runs: readonly RunId[]) => Promise<ReadonlySet<RunId>>;
  /** Aborted: what is left is for the next time. */
  readonly signal: AbortSignal;
}

const PAGE = 1_000;

/** Removes the failed jobs of superseded runs: pressing Retry on one would do nothing. Again removes what is left. */
export async function removeFailedJobs(queue: SeedQueue, { superseded, signal }: FailedJobsToRemove): Promise<void> {
  let kept = 0;
  while (!signal.aborted) {
    const page = await queue.getRanges(['failed'], kept, kept + PAGE - 1, true); // the oldest first: new ones shift nothing
    const jobs = page.flatMap((id) => parseSeedJobId(id) ?? []); // somebody else's is left alone
    const over = await superseded([...new Set(jobs.map(({ run }) => run))]);
    const gone = jobs.filter(({ run }) => over.has(run));
    for (const job of gone) await queue.remove(seedJobId(job));
    if (page.length < PAGE) return;
    kept += page.length - gone.length;
  }
}
