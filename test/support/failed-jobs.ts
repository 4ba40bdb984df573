import { UnrecoverableError } from 'bullmq';
import { expect, vi } from 'vitest';
import { seedJobId } from '#shared/contract/seed-job.ts';
import { addJobs, type SeedToQueue } from '#shared/queue/add-jobs.ts';
import { createSeedWorker, type SeedQueue } from '#shared/queue/open-queue.ts';
import type { QueueTarget } from '#shared/queue/queue-target.ts';

/** Jobs in the failed set, as a worker leaves them when seeds are blocked. */
export async function failedJobs(target: QueueTarget, queue: SeedQueue, seeds: readonly SeedToQueue[]): Promise<void> {
  await work(target, queue, seeds, 'failed');
}

/** Jobs that a worker is done with. */
export async function completedJobs(target: QueueTarget, queue: SeedQueue, seeds: readonly SeedToQueue[]) {
  await work(target, queue, seeds, 'completed');
}

async function work(
  target: QueueTarget,
  queue: SeedQueue,
  seeds: readonly SeedToQueue[],
  ending: 'failed' | 'completed',
): Promise<void> {
  await addJobs(queue, seeds.map(toQueue));
  const worker = createSeedWorker(
    target,
    async () => {
      if (ending === 'failed') throw new UnrecoverableError('user-missing');
      return 'done';
    },
    { concurrency: 20 },
  );
  worker.on('error', () => {}); // what matters shows in the jobs
  await vi.waitFor(async () => expect((await jobStates(queue, seeds)).every((state) => state === ending)).toBe(true), {
    timeout: 20_000,
  });
  await worker.close();
}

export function jobStates(queue: SeedQueue, seeds: readonly SeedToQueue[]): Promise<string[]> {
  return Promise.all(seeds.map((seed) => queue.getJobState(seedJobId(seed))));
}

/** What a job may carry: never the email that a test's seed has beside it. */
export function toQueue({ run, tenant, seedId, label, ordinal }: SeedToQueue): SeedToQueue {
  return { run, tenant, seedId, label, ordinal };
}
