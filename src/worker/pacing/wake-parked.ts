import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { seedJobId } from '#shared/contract/seed-job.ts';
import type { SeedId } from '#shared/contract/ids.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import type { Parked, SlotBook, Waiting } from './slot-book.ts';

export interface WakeDeps {
  readonly em: EntityManager;
  readonly queue: SeedQueue;
  readonly book: SlotBook;
}

/** Ahead of all that is in the queue for the first time: a slot that is missed is lost for everybody. */
const WOKEN_PRIORITY = 1;
/** So many times in a row the next ones may all turn out to need no slot; the following round goes on. */
const PAGES = 20;
/** Jobs that are woken side by side. */
const AT_ONCE = 200;

/**
 * Wakes those whose turn has come, just in time for their slots. Any number of workers may do it at once. `true`: somebody
 * waits still, so it should be called again well within the horizon of the slots.
 */
export async function wakeParked({ em, queue, book }: WakeDeps): Promise<boolean> {
  for (let page = 0; page < PAGES; page += 1) {
    const { parked, waiting } = await book.upNext();
    if (!waiting) return false;
    if (!(await letGo({ em, queue, book }, parked))) break;
  }
  const admitted = await book.admit();
  const woken = await Promise.all(admitted.map((seed) => wake(queue, seed, seed.waitMs)));
  await book.leave(admitted.filter((_, at) => woken[at] === 'no job')); // the reconciler adds it anew
  return true;
}

/** Who needs no slot leaves without one, so that it costs the others nothing. `false`: all of these need one. */
async function letGo({ em, queue, book }: WakeDeps, parked: readonly Parked[]): Promise<boolean> {
  const fates = await fatesOf(em, parked);
  const fateOf = ({ seedId }: Parked) => fates.get(seedId) ?? 'gone';
  const leaving = parked.filter((seed) => fateOf(seed) !== 'needs a slot');
  if (leaving.length === 0) return false;
  await book.leave(leaving);
  const gone = leaving.filter((seed) => fateOf(seed) === 'gone');
  await Promise.all(gone.map((seed) => queue.remove(seedJobId(seed)).catch(() => {}))); // at work: then it ends by itself
  const faulted = leaving.filter((seed) => fateOf(seed) === 'faulted');
  for (const seed of distinctTenants(faulted)) {
    await wakeAtOnce(queue, [...faulted.filter(isOf(seed)), ...(await book.leaveTenant(seed.domain, seed.tenant))]);
  }
  return true;
}

/** `settled`: its job has ended, or is what an operator replays. `gone`: no run wants it any more. */
type Fate = 'needs a slot' | 'faulted' | 'settled' | 'gone';

async function fatesOf(em: EntityManager, seeds: readonly Parked[]): Promise<ReadonlyMap<SeedId, Fate>> {
  if (seeds.length === 0) return new Map();
  const ids = `{${seeds.map(({ seedId }) => seedId).join()}}`;
  const rows = await em.execute<{ id: string; fate: Fate }[]>(sql`
    select s.id, case
        when s.state = 'superseded' then 'gone'
        when s.state not in ('pending', 'retrying', 'waiting') then 'settled'
        when t.fault_reason is not null and (s.replayed_at > t.fault_at) is not true then 'faulted'
        else 'needs a slot'
      end as fate
    from rolecall.seed s join rolecall.release_tenant t on t.run = s.run and t.tenant = s.tenant
    where s.id = any(${ids}::bigint[])`);
  return new Map(rows.map(({ id, fate }) => [Number(id) as SeedId, fate])); // a row of `seed`, so its id is one
}

/** One seed of each tenant in each domain. */
function distinctTenants(seeds: readonly Parked[]): readonly Parked[] {
  return seeds.filter((seed, at) => seeds.findIndex(isOf(seed)) === at);
}

function isOf({ domain, tenant }: Parked) {
  return (other: Parked) => other.domain === domain && other.tenant === tenant;
}

async function wakeAtOnce(queue: SeedQueue, seeds: readonly Waiting[]): Promise<void> {
  for (let from = 0; from < seeds.length; from += AT_ONCE) {
    await Promise.all(seeds.slice(from, from + AT_ONCE).map((seed) => wake(queue, seed, 0)));
  }
}

/** A job that is not delayed is under way, or about to be put away: then its slot is missed, and it is woken again. */
async function wake(queue: SeedQueue, seed: Waiting, waitMs: number): Promise<'no job' | null> {
  const job = await queue.getJob(seedJobId(seed));
  if (job === undefined) return 'no job';
  await job.changePriority({ priority: WOKEN_PRIORITY }).catch(() => {});
  await job.changeDelay(Math.ceil(waitMs)).catch(() => {});
  return null;
}
