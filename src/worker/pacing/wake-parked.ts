import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { seedJobId } from '#shared/contract/seed-job.ts';
import type { SeedId, TenantId } from '#shared/contract/ids.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import type { Parked, SlotBook, Waiting } from './slot-book.ts';
import type { WalkedTenants } from './walked-tenants.ts';

export interface WakeDeps {
  readonly em: EntityManager;
  readonly queue: Pick<SeedQueue, 'getJob' | 'remove'>;
  readonly book: SlotBook;
  readonly walked: Pick<WalkedTenants, 'next'>;
}

/** Ahead of all that is in the queue for the first time: a slot that is missed is lost for everybody. */
const ADMITTED_PRIORITY = 1;
/** So many times in a row the next ones may all turn out to need no slot; the following round goes on. */
const PAGES = 20;
/** Jobs that a round ends without a slot: some 25 ms in Redis and 130 ms in PostgreSQL, while the next slots are 250 ms ahead. */
const LET_GO = 300;

/**
 * Wakes those whose turn has come, just in time for their slots. Any number of workers may do it at once. `true`: somebody
 * waits still, so it should be called again well within the horizon of the slots.
 */
export async function wakeParked(deps: WakeDeps): Promise<boolean> {
  const leaving: Leaving = { known: [], gone: [] };
  try {
    const waiting = await letGo(deps, leaving);
    if (waiting) await admit(deps);
    return waiting;
  } finally {
    await endWaits(deps, leaving); // last, as it brings nobody to a slot; were it cut off, the jobs would come back by themselves
  }
}

async function admit({ queue, book }: WakeDeps): Promise<void> {
  const admitted = await book.admit();
  const woken = await Promise.all(admitted.map((seed) => wake(queue, seed, seed.waitMs, ADMITTED_PRIORITY)));
  await book.leave(admitted.filter((_, at) => woken[at] === 'no job')); // the reconciler adds it anew
}

/** They have left the book, and have jobs that wait on. */
interface Leaving {
  /** Their verdict is known, or who they are. */
  readonly known: Waiting[];
  readonly gone: Waiting[];
}

/**
 * Who needs no slot leaves without one, so that it costs the others nothing. Of tenants that are at fault the last ones leave
 * as well, as far as a round goes: their first ones stay in sight of the next round, which goes on with them. Those of tenants
 * whose pools were walked through leave, whether they are in sight or not. `true`: somebody waits still.
 */
async function letGo({ em, book, walked }: WakeDeps, leaving: Leaving): Promise<boolean> {
  const roomLeft = () => LET_GO - leaving.known.length - leaving.gone.length;
  const leaveTenants = async (domain: string, tenants: ReadonlySet<TenantId>) => {
    if (roomLeft() > 0) leaving.known.push(...(await book.leaveTenants(domain, [...tenants], roomLeft())));
  };
  const walkedNow = walked.next();
  if (walkedNow.size > 0) {
    if (!(await book.upNext()).waiting) return false; // mostly so, where walks are short
    for (const [domain, tenants] of walkedNow) await leaveTenants(domain, tenants); // first, as they are of this moment
  }
  const atFault = new Map<string, Set<TenantId>>();
  for (let page = 0; page < PAGES && roomLeft() > 0; page += 1) {
    const { parked, waiting } = await book.upNext();
    if (!waiting) return false;
    const fates = await fatesOf(em, parked);
    const having = (fate: Fate) => parked.filter(({ seedId }) => (fates.get(seedId) ?? 'gone') === fate);
    const faulted = having('faulted').slice(0, roomLeft());
    leaving.known.push(...faulted);
    const gone = having('gone').slice(0, roomLeft());
    leaving.gone.push(...gone);
    const free = [...faulted, ...gone, ...having('settled')];
    if (free.length === 0) break; // all of these need a slot
    await book.leave(free);
    for (const { domain, tenant } of faulted) atFault.set(domain, (atFault.get(domain) ?? new Set()).add(tenant));
  }
  for (const [domain, tenants] of atFault) await leaveTenants(domain, tenants);
  return true;
}

/**
 * Who needs no slot is brought forward in its own turn among the tenants: thousands of them at once must not come before the
 * first seeds of the others. A job that is to be removed and is at work ends by itself.
 */
async function endWaits({ queue }: WakeDeps, { known, gone }: Leaving): Promise<void> {
  await Promise.all([
    ...known.map((seed) => wake(queue, seed, 0)),
    ...gone.map((seed) => queue.remove(seedJobId(seed)).catch(() => {})),
  ]);
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

/**
 * A job that is not delayed is under way, or about to be put away: then its slot is missed, and it is woken again. Without a
 * priority it keeps the one it has.
 */
async function wake(
  queue: WakeDeps['queue'],
  seed: Waiting,
  waitMs: number,
  priority?: number,
): Promise<'no job' | null> {
  const job = await queue.getJob(seedJobId(seed));
  if (job === undefined) return 'no job';
  if (priority !== undefined) await job.changePriority({ priority }).catch(() => {});
  await job.changeDelay(Math.ceil(waitMs)).catch(() => {});
  return null;
}
