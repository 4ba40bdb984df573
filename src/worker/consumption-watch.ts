import type { SeedQueue, SeedWorker } from '#shared/queue/open-queue.ts';

/** How long jobs may wait beside an idle worker before it counts as dead. Stalled jobs take up to a minute to come back. */
const IDLE_BESIDE_WORK_MS = 90_000;
const ASK_EVERY_MS = 10_000;

export interface ConsumptionWatch extends Disposable {
  /** `null`: jobs are being consumed, or there are none. */
  problem(): Promise<string | null>;
}

/**
 * BullMQ's `isRunning()` stays true when the worker no longer takes jobs (taskforcesh/bullmq#3185), so this watches the
 * fact itself: jobs that are due and wait, while this worker takes none. Jobs are bounded in time, so one that
 * lives has a free hand within the limit below.
 */
export function watchConsumption(worker: SeedWorker, queue: SeedQueue, now: () => number): ConsumptionWatch {
  let lastTakenAt = now();
  let idleBesideWorkSince: number | null = null;
  worker.on('active', () => {
    lastTakenAt = now();
    idleBesideWorkSince = null;
  });

  async function ask(): Promise<void> {
    const counts = await queue.getJobCounts('waiting', 'prioritized');
    const due = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const idle = due > 0 && now() - lastTakenAt > ASK_EVERY_MS;
    idleBesideWorkSince = idle ? (idleBesideWorkSince ?? now()) : null;
  }

  // A queue that does not answer is a matter of readiness: a restart would not mend it.
  const timer = setInterval(() => void ask().catch(() => (idleBesideWorkSince = null)), ASK_EVERY_MS);
  timer.unref();
  return {
    problem: async () =>
      idleBesideWorkSince !== null && now() - idleBesideWorkSince > IDLE_BESIDE_WORK_MS
        ? 'jobs are waiting, and this worker takes none'
        : null,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
