import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { createMicroBatch, type MicroBatchLimits } from '../batching/micro-batch.ts';
import { isDatabaseAway } from '../grants/database-errors.ts';
import { PACE, type Budget, type Slot, type SlotBook, type Waiting } from './slot-book.ts';

/**
 * A wait counts from when its slot was given out, and the answer comes when all of its batch have theirs: 25 take about as
 * long as a wait that counts as none.
 */
const RESERVING: MicroBatchLimits = { maxItems: 25, maxDelayMs: 1, maxUnderWay: 2 };

/**
 * Where the queue lives in PostgreSQL: in the ledger, which every worker reaches. `em`: a fresh one for each operation. What
 * reads `pacing_parked` itself is planned each time: between deploys that is empty, and a plan for an empty table reads all of it.
 */
export function createPostgresSlotBook(em: () => EntityManager, execute: RunStatement): SlotBook {
  const known = new Set<string>();
  const reserve = createMicroBatch<Reservation, Slot, 'all'>({
    laneOf: () => 'all',
    keysOf: ({ seed }) => [`${seed.seedId}`],
    async run(wanted) {
      await ensureDomains(wanted.map(({ budget }) => budget));
      return reserveMany(execute, wanted);
    },
    failsAlike: isDatabaseAway,
    limits: RESERVING,
  });

  /** Before a batch locks any: two that met new domains in the middle of their locks could wait for each other. */
  async function ensureDomains(budgets: readonly Budget[]): Promise<void> {
    const unknown = budgets.filter(({ domain }) => !known.has(domain));
    if (unknown.length === 0) return;
    await em().execute(sql`
      insert into rolecall.pacing_domain (domain, rate)
      select domain, "perSecond" from jsonb_to_recordset(${JSON.stringify(unknown)}::jsonb) as unknown(domain text, "perSecond" float8)
      order by domain
      on conflict (domain) do nothing`);
    for (const { domain } of unknown) known.add(domain);
  }

  return {
    reserve: (budget, seed) => reserve({ budget, seed }),
    async park({ domain, run, seedId, tenant }) {
      await execute(sql`select rolecall.park_seed(${domain}, ${tenant}, ${run}, ${seedId}, ${pace()})`);
    },
    async take({ domain, perSecond }, withinMs) {
      const [{ wait, is_taken }] = await execute<[{ wait: number; is_taken: boolean }]>(
        sql`select * from rolecall.take_slot_within(${domain}, ${perSecond}, ${withinMs}, ${pace()})`,
      );
      return is_taken ? { kind: 'taken', waitMs: wait } : { kind: 'too-far', askAgainMs: wait - withinMs };
    },
    async slowDown({ domain, perSecond }) {
      const [{ was_slowest }] = await execute<[{ was_slowest: boolean }]>(sql`
        with was as materialized (select * from rolecall.open_pacing_domain(${domain}, ${perSecond}, ${pace()}))
        select factor <= ${PACE.slowest}::float8 and (d).slowed_at < t - ${PACE.sameThrottle}::float8 as was_slowest,
               rolecall.slow_down(${domain}, ${perSecond}, ${pace()})
        from was`);
      return was_slowest;
    },
    async upNext() {
      // One moment for the whole statement: asked of each row, a domain that falls due meanwhile lacked its first, and one
      // that is not due was read to its end.
      const rows = await em().execute<Row[]>(sql`
        with moment as materialized (select rolecall.epoch_ms() as now)
        select d.domain, p.* from moment, rolecall.pacing_domain d
        left join lateral (
          select run, seed, tenant from rolecall.pacing_parked
          where domain = d.domain and d.due_at <= moment.now
          order by turn, seed limit ${PACE.upNext}
        ) p on true
        where d.due_at is not null`);
      const parked = rows.filter(({ seed }) => seed !== null).map((row) => ({ ...toWaiting(row), domain: row.domain }));
      return { waiting: rows.length > 0, parked };
    },
    async admit() {
      const rows = await execute<(Row & { wait_ms: number })[]>(sql`select * from rolecall.admit_parked(${pace()})`);
      return rows.map((row) => ({ ...toWaiting(row), domain: row.domain, waitMs: row.wait_ms }));
    },
    async leave(parked) {
      if (parked.length === 0) return;
      const seeds = `{${parked.map(({ seedId }) => seedId).join()}}`;
      await em().execute(sql`
        with parked as (
          delete from rolecall.pacing_parked where seed in (${lockFree('pacing_parked', seeds)})
        )
        delete from rolecall.pacing_admitted where seed in (${lockFree('pacing_admitted', seeds)})`);
    },
    async knownOf(seeds) {
      const ids = `{${seeds.map(({ seedId }) => seedId).join()}}`;
      const rows = await em().execute<{ seed: string }[]>(sql`
        select seed from rolecall.pacing_parked where seed = any(${ids}::bigint[])
        union all select seed from rolecall.pacing_admitted where seed = any(${ids}::bigint[])`);
      return new Set(rows.map(({ seed }) => SeedId.parse(Number(seed))));
    },
    async leaveTenants(domain, tenants, limit) {
      const rows = await em().execute<Row[]>(sql`
        with theirs as materialized (
          select seed from rolecall.pacing_parked where domain = ${domain} and tenant in (${[...tenants]})
          order by turn desc, seed desc limit ${limit} for update skip locked
        )
        delete from rolecall.pacing_parked where seed in (select seed from theirs) returning run, seed, tenant`);
      return rows.map(toWaiting);
    },
  };
}

/** Not those that somebody is giving slots to, whose locks are taken in another order: they are seen again. */
function lockFree(table: 'pacing_parked' | 'pacing_admitted', seeds: string) {
  return sql`select seed from ${raw(`rolecall.${table}`)} where seed = any(${seeds}::bigint[]) for update skip locked`;
}

interface Reservation {
  readonly budget: Budget;
  readonly seed: Waiting;
}

/**
 * All domains are locked first, in the order in which everybody locks them. A seed is touched only then: the waker, who puts
 * those back that missed their slot, has locked their domain as well.
 */
async function reserveMany(execute: RunStatement, wanted: readonly Reservation[]): Promise<Slot[]> {
  const rows = wanted.map(({ budget, seed }, at) => ({ ...budget, ...seed, at }));
  const slots = await execute<{ at: number; kind: Slot['kind']; wait: number }[]>(sql`
    with wanted as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as wanted(domain text, "perSecond" float8, tenant text, run bigint, "seedId" bigint, at int)
    ), locked as materialized (
      select domain from rolecall.pacing_domain where domain in (select domain from wanted) order by domain for update
    )
    select wanted.at, slot.kind, slot.wait
    from (select * from wanted where (select count(*) from locked) >= 0 order by domain, at) wanted,
      lateral rolecall.reserve_slot(wanted.domain, "perSecond", tenant, run, "seedId", ${pace()}) slot`);
  const byPlace = new Map(slots.map(({ at, kind, wait }) => [at, { kind, waitMs: wait }]));
  return wanted.map((_, at) => byPlace.get(at) as Slot); // a row for each
}

interface Row {
  readonly domain: string;
  readonly run: string;
  readonly seed: string;
  readonly tenant: string;
}

function toWaiting({ run, seed, tenant }: Row) {
  return { run: RunId.parse(Number(run)), seedId: SeedId.parse(Number(seed)), tenant: TenantId.parse(tenant) };
}

/** Not a constant: a fragment of SQL is for one statement. */
function pace() {
  return sql`${JSON.stringify(PACE)}::jsonb`;
}
