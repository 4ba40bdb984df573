import { Redis } from 'ioredis';
import { describe, expect, inject, vi } from 'vitest';
import { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { QUEUE_PREFIX } from '#shared/contract/seed-job.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import { openSlotBook } from '../../src/worker/pacing/open-slot-book.ts';
import { PACE, type Budget, type Slot, type SlotBook, type Waiting } from '../../src/worker/pacing/slot-book.ts';
import { createSlotTaker } from '../../src/worker/pacing/take-slots.ts';
import { testOn } from '../support/queue.ts';
import { execute } from '../support/sql.ts';

const HUNDRED = { domain: 'own/eu-west-2/user-list', perSecond: 100 };
/** The second slot is beyond the horizon, so who asks for it is parked. */
const ONE = { domain: 'own/eu-west-2/user-list', perSecond: 1 };

const seed = (id: number, tenant = 'flip', run = 1): Waiting => ({
  run: RunId.parse(run),
  seedId: SeedId.parse(id),
  tenant: TenantId.parse(tenant),
});
/** As a worker does. */
async function reserveOrPark(book: SlotBook, budget: Budget, waiting: Waiting): Promise<Slot> {
  const slot = await book.reserve(budget, waiting);
  if (slot.kind === 'full') await book.park({ ...waiting, domain: budget.domain });
  return slot;
}
/** In turn, up to this one at least. */
async function admittedUntil(book: SlotBook, id: number): Promise<number[]> {
  const admitted: number[] = [];
  await vi.waitFor(
    async () => {
      admitted.push(...idsOf(await book.admit()));
      expect(admitted).toContain(id);
    },
    { timeout: 5_000, interval: 20 },
  );
  return admitted;
}
const idsOf = (seeds: readonly Waiting[]) => seeds.map(({ seedId }) => Number(seedId));

describe.skipIf(inject('redisUrl') === null)('the slots in redis', () => void suite('redis'));
describe('the slots in postgres', () => {
  const test = suite('postgres');

  test('workers that ask for many domains at once never wait for each other in a circle', async ({
    book,
    target,
    ledger,
    databaseUrl,
  }) => {
    using other = openSlotBook(target, () => ledger.em.fork(), await runPrepared(ledger));
    for (let round = 0; round < 20; round += 1) {
      const domains = Array.from({ length: 20 }, (_, n) => ({
        domain: `own/region-${n < 10 ? n : `${round}-${n}`}/user-list`, // some are known, and some new
        perSecond: 900,
      }));
      const asking = [book, other, book, other].flatMap((from, who) => {
        const inTheirOrder = who % 2 === 0 ? domains : domains.toReversed();
        return inTheirOrder.map((domain, n) => from.reserve(domain, seed(1_000 * round + 100 * who + n + 1)));
      });
      await Promise.all([...asking, book.admit(), other.admit()]);
    }
    // Whoever is undone by one is tried again, so none would be seen in the answers.
    const deadlocks = `select deadlocks::int from pg_stat_database where datname = current_database()`;
    expect(await execute(databaseUrl, deadlocks)).toEqual([{ deadlocks: 0 }]);
  });

  test('a domain that falls due while it is read shows its first, or nobody', async ({ book, databaseUrl }) => {
    await book.park({ ...seed(1), domain: ONE.domain });
    await execute(
      databaseUrl,
      `insert into rolecall.pacing_parked (seed, run, tenant, domain, turn)
       select n, 1, 'flip', '${ONE.domain}', n from generate_series(2, 20000) n`,
    );
    const firsts = new Set<number | undefined>();
    for (let round = 0; round < 20; round += 1) {
      await execute(databaseUrl, 'update rolecall.pacing_domain set due_at = rolecall.epoch_ms() + 5');
      for (const until = performance.now() + 20; performance.now() < until;)
        firsts.add(idsOf((await book.upNext()).parked)[0]);
    }
    firsts.delete(undefined);
    expect(firsts).toEqual(new Set([1]));
  });
});

function suite(kind: 'redis' | 'postgres') {
  const test = testOn(kind)
    .extend('book', async ({ target, ledger }, { onCleanup }) => {
      const book = openSlotBook(target, () => ledger.em.fork(), await runPrepared(ledger));
      onCleanup(() => book[Symbol.dispose]());
      return book;
    })
    .extend('slowedBefore', ({ redisUrl, databaseUrl }) => {
      /** As if the last throttle of the domain had come so much earlier. */
      return async (domain: string, ms: number) => {
        if (redisUrl === undefined) {
          const shift = `update rolecall.pacing_domain set slowed_at = slowed_at - ${ms} where domain = '${domain}'`;
          await execute(databaseUrl, shift);
          return;
        }
        const redis = new Redis(redisUrl);
        await redis.hincrbyfloat(`${QUEUE_PREFIX}:pacing:${domain}`, 'slowedAt', -ms);
        redis.disconnect();
      };
    });

  test('gives out slots an interval apart, to many at once, and no further than the horizon', async ({ book }) => {
    const twenty = { ...HUNDRED, perSecond: 20 };
    const slots = await Promise.all(Array.from({ length: 80 }, (_, n) => reserveOrPark(book, twenty, seed(n + 1))));

    const waits = slots.flatMap((slot) => (slot.kind === 'full' ? [] : [slot.waitMs]));
    expect(waits.length).toBeGreaterThanOrEqual(10); // half a second of them, and what time the requests took
    expect(waits.length).toBeLessThan(80);
    expect(Math.max(...waits)).toBeLessThanOrEqual(PACE.horizon);
    expect(slots.every((slot) => slot.kind === 'full' || (slot.kind === 'soon') === slot.waitMs <= PACE.near)).toBe(
      true,
    );
  });

  test('no rate but the one that was named, however many ask', async ({ book }) => {
    const lastSlot = await takeMany(book, 20);
    expect(lastSlot.sinceStart).toBeGreaterThan(19 * 10);
    expect(lastSlot.waitMs).toBeLessThan(20 * 10);
  });

  test('who comes back at its slot gets it, and only once', async ({ book }) => {
    const three = { ...HUNDRED, perSecond: 3 };
    await reserveOrPark(book, three, seed(6));
    expect(await reserveOrPark(book, three, seed(7))).toMatchObject({ kind: 'later' });
    expect(await reserveOrPark(book, three, seed(7))).toMatchObject({ kind: 'later' });

    await vi.waitUntil(() => whenSoon(reserveOrPark(book, three, seed(7))), {
      timeout: 2_000,
      interval: 5,
    });
    expect(await reserveOrPark(book, three, seed(7))).toMatchObject({ kind: 'later' });
  });

  test('tenants take turns, also one that comes late', async ({ book }) => {
    await reserveOrPark(book, ONE, seed(999)); // the one slot there is
    for (const id of [1, 2, 3, 4]) await reserveOrPark(book, ONE, seed(id, 'large'));
    await reserveOrPark(book, ONE, seed(50, 'small'));
    await reserveOrPark(book, ONE, seed(51, 'small'));

    const { parked, waiting } = await upNextWhenDue(book);
    expect(waiting).toBe(true);
    expect(idsOf(parked)).toEqual([1, 50, 2, 51, 3, 4]);
  });

  test('who asks again while it is parked keeps its turn', async ({ book }) => {
    await reserveOrPark(book, ONE, seed(999));
    for (const id of [1, 2, 1, 1]) await reserveOrPark(book, ONE, seed(id));

    expect(idsOf((await upNextWhenDue(book)).parked)).toEqual([1, 2]);
  });

  test('admits in turn, each seed once, however many workers admit at the same time', async ({ book }) => {
    const fifty = { ...HUNDRED, perSecond: 50 };
    const seeds = Array.from({ length: 120 }, (_, n) => seed(n + 1));
    const slots = await Promise.all(seeds.map((each) => reserveOrPark(book, fifty, each)));
    const parked = new Set(idsOf(seeds.filter((_, n) => slots[n]?.kind === 'full')));
    const inTurn = idsOf((await upNextWhenDue(book)).parked);

    const admitted: number[] = [];
    await vi.waitFor(
      async () => {
        const rounds = await Promise.all([book.admit(), book.admit(), book.admit()]);
        // They were asked at the same time, and any of them may have been first: each takes turns that follow each other.
        const place = ([head]: readonly Waiting[]) => inTurn.indexOf(Number(head?.seedId)) + 1 || inTurn.length + 1;
        admitted.push(...idsOf(rounds.toSorted((a, b) => place(a) - place(b)).flat()));
        expect(admitted).toEqual(expect.arrayContaining(inTurn));
      },
      { timeout: 5_000, interval: 20 },
    );
    const inOrder = admitted.filter((id) => parked.has(id)); // and of the others whoever has missed its slot
    expect(inOrder.slice(0, inTurn.length)).toEqual(inTurn);
  });

  test('a slot that nobody came for is given out again', async ({ book }) => {
    await untilLater(book, 2);

    await expect.poll(async () => idsOf(await book.admit()), { timeout: 10_000 }).toEqual([2]);
  });

  test('who comes too late for its slot gets the next one, ahead of all who wait', async ({ book }) => {
    const four = { domain: 'own/eu-west-1/user-list', perSecond: 4 };
    for (const id of [1, 2, 3, 4, 5, 6]) await reserveOrPark(book, four, seed(id)); // two have slots to come, the rest is parked
    for (const id of [7, 8]) await reserveOrPark(book, ONE, seed(id));
    await upNextWhenDue(book, ONE.domain); // three quarters of a second later

    expect(await reserveOrPark(book, four, seed(2))).toMatchObject({ kind: 'soon' });
    expect(await reserveOrPark(book, four, seed(4))).toMatchObject({ kind: 'full' });
  });

  test('whoever leaves waits no longer, alone or with its tenant, which leaves from its end', async ({ book }) => {
    await reserveOrPark(book, ONE, seed(999));
    for (const id of [1, 2, 3]) await reserveOrPark(book, ONE, seed(id, 'one'));
    for (const id of [4, 5]) await reserveOrPark(book, ONE, seed(id, 'two'));
    for (const id of [6, 7]) await reserveOrPark(book, ONE, seed(id, 'three'));
    const leaveTenants = async (limit: number, ...tenants: string[]) =>
      idsOf(
        await book.leaveTenants(
          ONE.domain,
          tenants.map((tenant) => TenantId.parse(tenant)),
          limit,
        ),
      ).toSorted();

    expect(await leaveTenants(2, 'one')).toEqual([2, 3]);
    expect(await leaveTenants(2, 'one')).toEqual([1]);
    expect(await leaveTenants(3, 'two', 'three')).toHaveLength(3);
    const [last] = (await upNextWhenDue(book)).parked;
    expect([4, 6]).toContain(Number(last?.seedId));
    await book.leave(last ? [last] : []);
    expect((await book.upNext()).parked).toEqual([]);
  });

  test.for([
    ['one by one', 'its next seed', 1],
    ['one by one', 'a newer run', 2],
    ['as a tenant', 'its next seed', 1],
    ['as a tenant', 'a newer run', 2],
  ] as const)(
    'whoever leaves %s gives its turns back, and %s waits for none of them',
    async ([how, , run], { book }) => {
      await reserveOrPark(book, HUNDRED, seed(9_999));
      const inDomain = (waiting: Waiting) => ({ ...waiting, domain: HUNDRED.domain });
      const large = Array.from({ length: 60 }, (_, n) => inDomain(seed(n + 1)));
      for (const each of large) await book.park(each);
      for (let n = 1; n <= 60; n += 1) await book.park(inDomain(seed(1_000 + n, 'other')));
      if (how === 'one by one') await book.leave(large);
      else await book.leaveTenants(HUNDRED.domain, [TenantId.parse('flip')], large.length);

      for (const id of [2_001, 2_002, 2_003]) await book.park(inDomain(seed(id, 'flip', run)));

      const admitted: number[] = [];
      await vi.waitFor(
        async () => {
          admitted.push(...idsOf(await book.admit()));
          expect(admitted).toContain(2_003);
        },
        { timeout: 5_000, interval: 20 },
      );
      expect(admitted.indexOf(2_003)).toBeLessThan(8); // in turn with the other's, and not behind all of them
    },
  );

  test('a newer run does not wait for the turns of the one before, which may be parked still', async ({ book }) => {
    await reserveOrPark(book, HUNDRED, seed(9_999));
    for (let n = 1; n <= 60; n += 1) await book.park({ ...seed(n), domain: HUNDRED.domain });
    for (const id of [2_001, 2_002]) await book.park({ ...seed(id, 'flip', 2), domain: HUNDRED.domain });
    const admitted = await admittedUntil(book, 2_002);
    expect(admitted.indexOf(2_002)).toBeLessThan(6);
  });

  test('a budget holds that only those name who come back for their slots', async ({ book }) => {
    const twenty = { ...HUNDRED, perSecond: 20 };
    await book.reserve(twenty, seed(1));
    expect(await book.reserve(twenty, seed(2))).toMatchObject({ kind: 'later' }); // it has a slot, and reserves no other
    await book.reserve({ ...twenty, perSecond: 5 }, seed(2));
    const waits = [await book.reserve(twenty, seed(3)), await book.reserve(twenty, seed(4))].map((slot) =>
      slot.kind === 'full' ? Infinity : slot.waitMs,
    );
    expect((waits[1] ?? 0) - (waits[0] ?? 0)).toBeGreaterThan(150); // a fifth of a second apart
  });

  test('a clock that went back by an hour costs a minute', async ({ book, redisUrl, databaseUrl }) => {
    await book.take(HUNDRED, 0);
    await book.park({ ...seed(1), domain: HUNDRED.domain });
    await book.take(HUNDRED, 500);
    const hour = 3_600_000;
    if (redisUrl === undefined) {
      await execute(
        databaseUrl,
        `update rolecall.pacing_domain set next_slot = next_slot + ${hour}, kept = kept + ${hour}`,
      );
    } else {
      const redis = new Redis(redisUrl);
      for (const field of ['next', 'kept'])
        await redis.hincrbyfloat(`${QUEUE_PREFIX}:pacing:${HUNDRED.domain}`, field, hour);
      redis.disconnect();
    }
    const taken = await book.take(HUNDRED, 500);
    expect(taken).toMatchObject({ kind: 'too-far', askAgainMs: expect.closeTo(PACE.farthest, -3) });
  });

  test('a throttle halves the rate, and two at once are one', async ({ book }) => {
    await Promise.all([book.slowDown(HUNDRED), book.slowDown(HUNDRED)]);
    const lastSlot = await takeMany(book, 20);
    expect(lastSlot.sinceStart).toBeGreaterThan(19 * 20);
    expect(lastSlot.waitMs).toBeLessThan(20 * 20);
  });

  test('a rate that was halved is kept for a while, and comes back little by little', async ({
    book,
    slowedBefore,
  }) => {
    const rates = [
      [0, 0.5],
      [4_000, 0.5],
      [10_000, 0.75],
      [13_000, 0.9],
      [60_000, 1],
    ] as const;
    for (const [ms, part] of rates) {
      const budget = { ...HUNDRED, domain: `own/after-${ms}/user-list` };
      await book.slowDown(budget);
      await slowedBefore(budget.domain, ms);
      const lastSlot = await takeMany(book, 20, budget);
      expect(lastSlot.sinceStart, `${ms} ms later`).toBeGreaterThan((19 * 10) / (part + 0.02)); // and the test takes a while
      expect(lastSlot.waitMs, `${ms} ms later`).toBeLessThan((20 * 10) / part);
    }
  });

  test('throttles that go on halve what is left, down to a twentieth', async ({ book, slowedBefore }) => {
    const wasSlowest: boolean[] = [];
    for (let throttle = 0; throttle < 7; throttle += 1) {
      wasSlowest.push(await book.slowDown(HUNDRED));
      await slowedBefore(HUNDRED.domain, 2_000);
    }
    expect(wasSlowest).toEqual([false, false, false, false, false, true, true]);
    await book.slowDown(HUNDRED);
    expect(await book.slowDown(HUNDRED), 'the same news').toBe(false);
    const lastSlot = await takeMany(book, 3);
    expect(lastSlot.sinceStart).toBeGreaterThan(2 * 200);
    expect(lastSlot.waitMs).toBeLessThan(3 * 200);
  });

  test('the lowest budget that is named in a domain holds for all of it', async ({ book }) => {
    await take(book, { ...HUNDRED, perSecond: 1 });
    expect(await take(book, HUNDRED)).toBeGreaterThan(900);
    expect(await take(book, HUNDRED)).toBeGreaterThan(1_800);
  });

  test('whoever cannot be parked gets no slot that is far away, and is told when to ask again', async ({ book }) => {
    const two = { ...HUNDRED, perSecond: 2 };
    expect(await book.take(two, 10)).toMatchObject({ kind: 'taken' });
    const refused = await book.take(two, 100);
    expect(refused).toEqual({ kind: 'too-far', askAgainMs: expect.closeTo(400, -2) });
    expect(await book.take(two, PACE.horizon)).toMatchObject({ kind: 'taken' }); // the refusal took nothing
  });

  test('many walks and a tenant whose seeds are parked all get on, and keep the rate together', async ({ book }) => {
    const forty = { ...HUNDRED, perSecond: 40 };
    const stop = new AbortController();
    const start = performance.now();
    let taken = 0;
    const walk = async (worker: ReturnType<typeof createSlotTaker>) => {
      for (;;) {
        await worker(forty, { signal: stop.signal });
        taken += 1;
      }
    };
    const workers = Array.from({ length: 4 }, () => createSlotTaker(book));
    const walks = workers.flatMap((worker) => Array.from({ length: 20 }, () => walk(worker).catch(() => {})));
    await vi.waitUntil(() => taken > 30, 10_000);

    const seeds = Array.from({ length: 40 }, (_, n) => seed(n + 1));
    for (const one of seeds) await book.park({ ...one, domain: forty.domain });
    const [parkedAt, takenBefore] = [performance.now(), taken];
    const admitted: number[] = [];
    await vi.waitFor(
      async () => {
        admitted.push(...idsOf(await book.admit()));
        expect(admitted).toHaveLength(seeds.length);
      },
      { timeout: 5_000, interval: 50 },
    );
    const tookMs = performance.now() - parkedAt;
    const meanwhile = taken - takenBefore;
    stop.abort();
    await Promise.all(walks);

    expect(tookMs).toBeLessThan((1_000 * seeds.length) / (40 * (2 / 3)) + PACE.horizon);
    expect(meanwhile).toBeGreaterThan(((tookMs / 1_000) * 40) / 6); // half of their third
    const slots = ((performance.now() - start + PACE.horizon) / 1_000) * 40;
    expect(taken + admitted.length).toBeLessThan(slots + 2);
  });

  test('slots are not kept for who is gone: turns get all again', async ({ book }) => {
    const twenty = { ...HUNDRED, perSecond: 20 };
    for (let id = 1; id <= 60; id += 1) await book.park({ ...seed(id), domain: twenty.domain });
    await take(book, twenty);
    const [start, admitted] = [performance.now(), [] as number[]];
    await vi.waitFor(
      async () => {
        admitted.push(...idsOf(await book.admit()));
        expect(admitted).toHaveLength(60);
      },
      { timeout: 5_000, interval: 20 },
    );
    expect(performance.now() - start).toBeLessThan((60 * 1_000) / 20 + PACE.horizon); // four seconds, were they kept for ever
  });

  test('domains do not wait for each other', async ({ book }) => {
    await reserveOrPark(book, ONE, seed(1));
    expect((await reserveOrPark(book, ONE, seed(2))).kind).toBe('full');
    expect((await reserveOrPark(book, { ...ONE, domain: 'own/eu-west-1/user-list' }, seed(3))).kind).toBe('soon');
  });

  return test;
}

/** A domain is due shortly before it has slots to give. */
function upNextWhenDue(book: SlotBook, domain = ONE.domain) {
  return vi.waitFor(
    async () => {
      const next = await book.upNext();
      expect(next.parked.map((parked) => parked.domain)).toContain(domain);
      return next;
    },
    { timeout: 3_000, interval: 10 },
  );
}

/** Takes slots until one for this seed is some time away. */
async function untilLater(book: SlotBook, id: number) {
  for (;;) {
    const slot = await reserveOrPark(book, HUNDRED, seed(id));
    if (slot.kind !== 'soon') return slot;
  }
}

async function whenSoon(slot: Promise<Slot>): Promise<Slot | null> {
  return (await slot).kind === 'soon' ? slot : null;
}

/** However far away it is. */
async function take(book: SlotBook, budget: Budget): Promise<number> {
  const slot = await book.take(budget, 60_000);
  return slot.kind === 'taken' ? slot.waitMs : Infinity;
}

/** When the last of so many slots is: by this process's clock, and as the book said. */
async function takeMany(book: SlotBook, count: number, budget = HUNDRED) {
  const start = performance.now();
  const slots = await Promise.all(
    Array.from({ length: count }, async () => {
      const waitMs = await take(book, budget);
      return { waitMs, sinceStart: performance.now() - start + waitMs };
    }),
  );
  return {
    waitMs: Math.max(...slots.map(({ waitMs }) => waitMs)),
    sinceStart: Math.max(...slots.map(({ sinceStart }) => sinceStart)),
  };
}
