import { seedJobId, seedPriority, SEED_QUEUE, type SeedJob } from '#shared/contract/seed-job.ts';
import type { SeedQueue } from './open-queue.ts';

/** Larger chunks gain nothing, and block the event loop and Redis for longer (measured: 500 to 1000 is best). */
const CHUNK = 1_000;

const JOB_OPTIONS = {
  attempts: 2_147_483_647, // BullMQ's maximum: a transient failure is retried for as long as the run is current
  backoff: { type: 'custom' },
  stackTraceLimit: 1,
  removeOnFail: false, // a failed job is what an operator replays
} as const;

export type SeedToQueue = Omit<SeedJob, 'v'> & { readonly ordinal: number };

/**
 * Adds one job per seed; a seed whose job exists, in whatever state, keeps that job. Returns how many were sent. The next
 * seeds are fetched while a chunk is on its way.
 */
export async function addJobs(
  queue: SeedQueue,
  seeds: AsyncIterable<SeedToQueue> | Iterable<SeedToQueue>,
): Promise<number> {
  let sent = 0;
  let sending: Promise<unknown> = Promise.resolve();
  for await (const chunk of chunksOf(seeds)) {
    await sending;
    sending = addChunk(queue, chunk);
    sending.catch(() => {}); // thrown where it is awaited; until then it must not count as unhandled
    sent += chunk.length;
  }
  await sending;
  return sent;
}

async function* chunksOf(seeds: AsyncIterable<SeedToQueue> | Iterable<SeedToQueue>): AsyncGenerator<SeedToQueue[]> {
  let chunk: SeedToQueue[] = [];
  for await (const seed of seeds) {
    if (chunk.push(seed) < CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function addChunk(queue: SeedQueue, seeds: readonly SeedToQueue[]): Promise<unknown> {
  return queue.addBulk(
    seeds.map(({ ordinal, ...seed }) => ({
      name: SEED_QUEUE,
      data: { v: 1, ...seed } satisfies SeedJob,
      opts: { ...JOB_OPTIONS, jobId: seedJobId(seed), priority: seedPriority(ordinal) },
    })),
  );
}
