import { sql } from '@mikro-orm/postgresql';
import { describe, expect, inject, vi } from 'vitest';
import { TenantId, type SeedId } from '#shared/contract/ids.ts';
import { seedJobId, seedPriority, SEED_QUEUE, type SeedJob } from '#shared/contract/seed-job.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import type { SeedToQueue } from '#shared/queue/add-jobs.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import { openSlotBook } from '../../src/worker/pacing/open-slot-book.ts';
import { PACE, type SlotBook } from '../../src/worker/pacing/slot-book.ts';
import { wakeParked, type WakeDeps } from '../../src/worker/pacing/wake-parked.ts';
import { createWalkedTenants } from '../../src/worker/pacing/walked-tenants.ts';
import { testOn } from '../support/queue.ts';
import { recordedRun } from '../support/recorded-run.ts';

const BUDGET = { domain: 'own/eu-west-2/user-list', perSecond: 20 };
const MANY = 700;
/** What one round may end without a slot. */
const LET_GO = 300;

describe.skipIf(inject('redisUrl') === null)('who waits for a turn on redis', () => suite('redis'));
describe('who waits for a turn on postgres', () => suite('postgres'));

function suite(kind: 'redis' | 'postgres') {
  const test = testOn(kind).extend('waiting', async ({ ledger, target, queue }, { onCleanup }) => {
    const em = () => ledger.em.fork();
    const book = openSlotBook(target, em, await runPrepared(ledger));
    onCleanup(() => book[Symbol.dispose]());
    await book.take(BUDGET, 0); // from here on the domain has its budget

    /** Seeds of both tenants are parked, and then nobody needs to be asked about the large one any more. */
    return async (
      given: { readonly large: number; readonly small: number },
      since: 'a refusal' | 'a walk' = 'a refusal',
    ) => {
      const { run, seeds } = await recordedRun(ledger, {
        seeds: Object.entries(given).flatMap(([tenant, count]) =>
          Array.from({ length: count }, (_, n) => ({ tenant, email: `${tenant}-${n}@example.org`, state: 'pending' })),
        ),
      });
      await queue.addBulk(seeds.map(putAway));
      for (const { tenant, seedId } of seeds) await book.park({ run, seedId, tenant, domain: BUDGET.domain });
      const walked = createWalkedTenants();
      if (since === 'a walk') walked.add(BUDGET.domain, [TenantId.parse('large')]);
      else {
        await em().execute(sql`
          update rolecall.release_tenant set fault_reason = 'access-denied', fault_at = clock_timestamp()
          where run = ${run} and tenant = 'large'`);
      }
      const idsOf = (of: string) => seeds.filter(({ tenant }) => tenant === of).map(({ seedId }) => seedId);
      return {
        large: idsOf('large'),
        small: idsOf('small'),
        /** A round of a worker, whose queue may be another one. */
        wake: (instead: WakeDeps['queue'] = queue) => wakeParked({ em: em(), queue: instead, book, walked }),
        /** A round for which the book is lost once who was walked has left it. */
        wakeInVain: () => {
          const upNext = vi
            .fn<SlotBook['upNext']>(book.upNext)
            .mockRejectedValue(new Error('lost'))
            .mockImplementationOnce(book.upNext);
          return wakeParked({ em: em(), queue, walked, book: { ...book, upNext } });
        },
      };
    };
  });

  test('leaves without a slot where its tenant is at fault, so many a round and in its own turn', async ({
    waiting,
    queue,
  }) => {
    const { large, small, wake } = await waiting({ large: MANY, small: 60 });

    expect(await wake()).toBe(true);
    const first = await wokenIn(queue);
    expect(small.filter((id) => first.has(id)).length).toBeGreaterThan(5); // half a second of slots
    const faulted = large.filter((id) => first.has(id));
    expect(faulted).toHaveLength(LET_GO);
    expect(faulted.map((id) => first.get(id)?.priority)).toEqual(faulted.map((id) => seedPriority(large.indexOf(id))));

    await wakeUntil(wake, queue, (now) => expect(now.size).toBe(large.length + small.length));
  });

  test('leaves without a slot where its pool was walked through, so many a round and in its own turn', async ({
    waiting,
    queue,
  }) => {
    const { large, small, wake } = await waiting({ large: MANY, small: 60 }, 'a walk');

    expect(await wake()).toBe(true);
    const first = await wokenIn(queue);
    const known = large.filter((id) => first.get(id)?.priority === seedPriority(large.indexOf(id)));
    expect(known.length).toBeGreaterThanOrEqual(LET_GO);
    expect(known.length).toBeLessThan(LET_GO + 10); // the first ones may have got a slot as well

    // 700 slots would take 35 seconds, and the other tenant had most of those that passed.
    const woken = await wakeUntil(wake, queue, (now) => expect(large.filter((id) => !now.has(id))).toEqual([]));
    expect(small.filter((id) => woken.has(id)).length).toBeLessThan(60);
  });

  test('is brought forward also where the rest of the round fails', async ({ waiting, queue }) => {
    const { large, wakeInVain } = await waiting({ large: 20, small: 1 }, 'a walk');

    await expect(wakeInVain()).rejects.toThrow('lost');

    expect(new Set((await wokenIn(queue)).keys())).toEqual(new Set(large));
  });

  test('gets its slot also while those of a tenant at fault cannot be woken', async ({ waiting, queue }) => {
    const { large, small, wake } = await waiting({ large: MANY, small: 60 });
    const isSmall = (jobId: string) => small.some((id) => jobId.endsWith(`-s${id}`));
    const stuck: WakeDeps['queue'] = {
      getJob: (id) => (isSmall(id) ? queue.getJob(id) : new Promise(() => {})),
      remove: (id) => queue.remove(id),
    };

    void wake(stuck); // until its process dies
    await vi.waitFor(async () => expect((await wokenIn(queue)).size).toBeGreaterThan(5), 5_000);

    // What it had taken out comes back by itself, and no more than that.
    const woken = await wakeUntil(wake, queue, (now) => expect(now.size).toBe(large.length + small.length - LET_GO));
    expect(small.filter((id) => woken.has(id))).toEqual(small);
  });
}

function putAway({ ordinal, ...seed }: SeedToQueue) {
  const opts = { jobId: seedJobId(seed), priority: seedPriority(ordinal), delay: PACE.safetyNet };
  return { name: SEED_QUEUE, data: { v: 1, ...seed } satisfies SeedJob, opts };
}

/** Whose jobs were brought forward, and with which priority they are now. */
async function wokenIn(queue: SeedQueue): Promise<ReadonlyMap<SeedId, { readonly priority: number }>> {
  const jobs = await queue.getJobs(['delayed']);
  const woken = jobs.filter(({ delay }) => delay < PACE.safetyNet);
  return new Map(woken.map(({ data, priority }) => [(data as SeedJob).seedId, { priority }]));
}

type Woken = Awaited<ReturnType<typeof wokenIn>>;

async function wakeUntil(wake: () => Promise<boolean>, queue: SeedQueue, check: (woken: Woken) => void) {
  return vi.waitFor(
    async () => {
      await wake();
      const woken = await wokenIn(queue);
      check(woken);
      return woken;
    },
    { timeout: 20_000, interval: 20 },
  );
}
