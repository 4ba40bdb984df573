import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { Label } from '#shared/contract/label.ts';
import { seedJobId } from '#shared/contract/seed-job.ts';
import { addJobs, type SeedToQueue } from '#shared/queue/add-jobs.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';

export interface Reconciled {
  /** Jobs that the queue had lost. */
  readonly added: number;
  /** Jobs that ended although their seed is not settled: a stall, a deadlock, a connection cut at the finish. */
  readonly retried: number;
}

/** A seed that was touched a moment ago is being worked on, or its producer is still adding jobs. */
const UNTOUCHED_FOR_S = 10;
const PAGE = 1_000;
/** Any number, the same in every version. */
const RECONCILER_LOCK = 7_286_133_012;

/**
 * Gives every seed of a current run that still needs work a job that will run. `null`: another worker is at it, as only
 * one is at a time. The lock is the transaction's, so it goes with the process; nothing is written in it.
 */
export async function reconcile(em: EntityManager, queue: SeedQueue): Promise<Reconciled | null> {
  const round = async (tx: EntityManager): Promise<Reconciled | null> => {
    const [lock] = await tx.execute<{ mine: boolean }[]>(
      sql`select pg_try_advisory_xact_lock(${RECONCILER_LOCK}) as mine`,
    );
    if (lock?.mine !== true) return null;
    let added = 0;
    let retried = 0;
    for await (const page of unsettledPages(tx)) {
      const { failed, completed, unknown } = await withoutJobThatRuns(tx, queue, page);
      for (const seed of failed) retried += await retryFailed(queue, seed);
      // Frees its id, so that it can be added again. Of one that is gone, Redis may still have a part.
      await Promise.all([...completed, ...unknown].map((seed) => queue.remove(seedJobId(seed))));
      retried += await addJobs(queue, completed);
      added += await addJobs(queue, unknown);
    }
    return { added, retried };
  };
  return em.transactional(round, { isolationLevel: 'read committed' }); // what is asked once more must be seen anew
}

const WITHOUT_RUNNING = ['failed', 'completed', 'unknown'] as const;
type Ended = Readonly<Record<(typeof WITHOUT_RUNNING)[number], readonly SeedToQueue[]>>;

/**
 * Those whose job ended or is gone. A worker settles its seed first and its job second, so the ledger is asked once more
 * after the queue: else a job that fails in between, for a good reason, would be taken for one that must run again.
 */
async function withoutJobThatRuns(em: EntityManager, queue: SeedQueue, page: readonly SeedToQueue[]): Promise<Ended> {
  const states: string[] = await Promise.all(page.map((seed) => queue.getJobState(seedJobId(seed))));
  const ended = page.filter((_, at) => WITHOUT_RUNNING.some((state) => state === states[at]));
  const unsettled = await stillUnsettled(em, ended);
  const inState = (wanted: string) => page.filter((seed, at) => states[at] === wanted && unsettled.has(seed.seedId));
  return { failed: inState('failed'), completed: inState('completed'), unknown: inState('unknown') };
}

async function stillUnsettled(em: EntityManager, seeds: readonly SeedToQueue[]): Promise<ReadonlySet<SeedId>> {
  if (seeds.length === 0) return new Set();
  const rows = await em.execute<{ id: string }[]>(sql`
    select s.id from rolecall.seed s where s.id in (${seeds.map(({ seedId }) => seedId)}) and ${NEEDS_JOB}`);
  return new Set(rows.map(({ id }) => Number(id) as SeedId));
}

const NEEDS_JOB = sql`s.state in ('pending', 'retrying', 'waiting')
  and s.updated_at < now() - make_interval(secs => ${UNTOUCHED_FOR_S})`;

/** Seeds of current runs for which a job should be under way; a blocked one waits for an operator. */
async function* unsettledPages(em: EntityManager): AsyncGenerator<SeedToQueue[]> {
  let after = 0;
  for (;;) {
    const rows = await em.execute<{ id: string; run: string; tenant: TenantId; label: Label; ordinal: number }[]>(sql`
      select s.id, s.run, s.tenant, s.label, s.ordinal
      from rolecall.seed s join rolecall.release r on r.run = s.run and r.superseded_at is null
      where s.id > ${after} and ${NEEDS_JOB}
      order by s.id limit ${PAGE}`);
    if (rows.length === 0) return;
    after = Number(rows.at(-1)?.id);
    yield rows.map(({ id, run, ...seed }) => ({ ...seed, seedId: Number(id) as SeedId, run: Number(run) as RunId }));
  }
}

async function retryFailed(queue: SeedQueue, seed: SeedToQueue): Promise<number> {
  const job = await queue.getJob(seedJobId(seed));
  if (job === undefined) return 0;
  try {
    await job.retry('failed');
    return 1;
  } catch {
    return 0; // an operator pressed Retry at the same moment
  }
}
