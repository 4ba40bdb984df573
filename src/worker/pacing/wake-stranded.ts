import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { seedJobId } from '#shared/contract/seed-job.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import type { UserPool } from '../cognito/user-directory.ts';
import { budgetOf } from './pacing-budget.ts';
import { PACE, type Parked, type SlotBook } from './slot-book.ts';

export interface StrandedDeps {
  readonly em: EntityManager;
  readonly queue: Pick<SeedQueue, 'getJob'>;
  readonly book: Pick<SlotBook, 'knownOf'>;
}

const PAGE = 1_000;
/** Jobs that are looked at in a round: while so many wait in the queue for the first time, one that is late is no worse off. */
const MOST_JOBS = 1_000;
/** Whoever was touched since is being worked on, or is put away at this moment. */
const UNTOUCHED_FOR_S = 10;
/** No other wait without a date in the ledger is that long: where a walk is to be awaited, it is a quarter of a minute. */
const PUT_AWAY_MS = PACE.safetyNet / 2;

/**
 * Brings forward the jobs that wait to be woken, and whom no book knows: their worker died between the two, or the book was
 * lost. They would come back by themselves, after minutes in which a gate stays pending. Any number of workers may do it at
 * once. Returns how many there were.
 */
export async function wakeStranded({ em, queue, book }: StrandedDeps): Promise<number> {
  let [looked, woken] = [0, 0];
  for await (const page of unsettledPages(em)) {
    const known = await book.knownOf(page);
    const unknown = page.filter(({ seedId }) => !known.has(seedId)).slice(0, MOST_JOBS - looked);
    looked += unknown.length;
    const outcomes = await Promise.all(unknown.map((seed) => wakeIfPutAway(queue, seed)));
    woken += outcomes.filter((wasPutAway) => wasPutAway).length;
    if (looked === MOST_JOBS) break;
  }
  return woken;
}

async function wakeIfPutAway(queue: StrandedDeps['queue'], seed: Parked): Promise<boolean> {
  const job = await queue.getJob(seedJobId(seed));
  if (job === undefined || job.delay < PUT_AWAY_MS) return false;
  return job.changeDelay(0).then(
    () => true,
    () => false, // somebody else did
  );
}

/** Of current runs, and without a date on which they come back. */
async function* unsettledPages(em: EntityManager): AsyncGenerator<Parked[]> {
  let after = 0;
  for (;;) {
    const rows = await em.execute<{ id: string; run: string; tenant: TenantId; pool: UserPool }[]>(sql`
      select s.id, s.run, s.tenant, t.settings -> 'userPool' as pool
      from rolecall.seed s
      join rolecall.release r on r.run = s.run and r.superseded_at is null
      join rolecall.release_tenant t on t.run = s.run and t.tenant = s.tenant
      where s.id > ${after} and s.state in ('pending', 'retrying', 'waiting')
        and s.updated_at < now() - make_interval(secs => ${UNTOUCHED_FOR_S})
        and (s.next_attempt_at < now() - make_interval(secs => ${UNTOUCHED_FOR_S})) is not false
      order by s.id limit ${PAGE}`);
    if (rows.length === 0) return;
    after = Number(rows.at(-1)?.id);
    yield rows.map(({ id, run, tenant, pool }) => ({
      seedId: Number(id) as SeedId, // rows of `seed`, so their ids are ids
      run: Number(run) as RunId,
      tenant,
      domain: budgetOf(pool, pool.lookup ?? 'ListUsers').domain, // older versions recorded none
    }));
  }
}
