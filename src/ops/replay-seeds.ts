import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { emailKey, type Email, type RunId, type TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { seedJobId } from '#shared/contract/seed-job.ts';
import { moveToPending } from '#shared/ledger/move-seed.ts';
import { addJobs, type SeedToQueue } from '#shared/queue/add-jobs.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';

/** A page is moved by one statement, and its jobs are retried side by side. */
const PAGE = 500;

/** Which blocked seeds; without a field, all of them. */
export interface ReplaySelection {
  readonly runs: readonly RunId[];
  readonly tenant?: TenantId | undefined;
  readonly email?: Email | undefined;
  readonly reason?: Reason | undefined;
}

export interface Replayed {
  /** Blocked seeds that were put back to work. */
  readonly replayed: number;
  /** Of these, the ones whose job had gone from the queue. */
  readonly readded: number;
}

/**
 * Puts blocked seeds back to work, also those whose job is gone. The ledger goes first: should the queue fail in between,
 * the seed is pending, and the reconciler of the workers gives it its job. Twice at once replays each seed once.
 */
export async function replaySeeds(em: EntityManager, queue: SeedQueue, selection: ReplaySelection): Promise<Replayed> {
  let [replayed, readded] = [0, 0];
  for await (const seeds of takeBlocked(em, selection)) {
    const jobless = await Promise.all(seeds.map(async (seed) => ((await retryJob(queue, seed)) ? [] : [seed])));
    readded += await addJobs(queue, jobless.flat());
    replayed += seeds.length;
  }
  return { replayed, readded };
}

/** `false`: there is no job that will run, so one must be added. */
async function retryJob(queue: SeedQueue, seed: SeedToQueue): Promise<boolean> {
  const job = await queue.getJob(seedJobId(seed));
  if (job === undefined) return false;
  try {
    // The counters are reset, so that a transient failure after the replay is retried soon.
    await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
    return true;
  } catch (error) {
    const state = await job.getState();
    if (state === 'failed') throw error; // the queue is in trouble, not the job
    if (state !== 'completed' && state !== 'unknown') return true; // somebody else retried it: it will run, or runs
    await job.remove();
    return false;
  }
}

/** Moves page after page to pending. The lock and the second look at the state let one of two replays have each seed. */
async function* takeBlocked(em: EntityManager, selection: ReplaySelection): AsyncGenerator<readonly SeedToQueue[]> {
  let after = 0;
  for (;;) {
    const from = after;
    const take = async (inside: EntityManager) => {
      const blocked = await lockBlocked(inside, selection, from);
      const ids = blocked.map(({ seedId }) => seedId);
      await moveToPending(inside, ids);
      return blocked;
    };
    const page = await em.fork().transactional(take, { isolationLevel: 'read committed' });
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.seedId ?? after;
  }
}

function lockBlocked(
  em: EntityManager,
  { runs, tenant, email, reason }: ReplaySelection,
  after: number,
): Promise<SeedToQueue[]> {
  return em.execute<SeedToQueue[]>(sql`
    select id::float8 as "seedId", run::float8, tenant, label, ordinal
    from rolecall.seed
    where run = any(${`{${runs.join()}}`}::bigint[]) and state = 'blocked' and id > ${after}
      and ${tenant === undefined ? sql`true` : sql`tenant = ${tenant}`}
      and ${email === undefined ? sql`true` : sql`lower(email) = ${emailKey(email)}`}
      and ${reason === undefined ? sql`true` : sql`reason = ${reason}`}
    order by id
    limit ${PAGE}
    for update`);
}
