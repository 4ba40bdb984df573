import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { PACE, type Slot, type SlotBook } from './slot-book.ts';

/** Where the queue lives in PostgreSQL: in the ledger, which every worker reaches. `em`: a fresh one for each operation. */
export function createPostgresSlotBook(em: () => EntityManager): SlotBook {
  return {
    async reserve({ domain, perSecond }, { run, seedId, tenant }) {
      const [slot] = await em().execute<[{ kind: Slot['kind']; wait: number }]>(
        sql`select * from rolecall.reserve_slot(${domain}, ${perSecond}, ${tenant}, ${run}, ${seedId}, ${pace()})`,
      );
      return { kind: slot.kind, waitMs: slot.wait };
    },
    async park({ domain, run, seedId, tenant }) {
      await em().execute(sql`select rolecall.park_seed(${domain}, ${tenant}, ${run}, ${seedId}, ${pace()})`);
    },
    async take({ domain, perSecond }) {
      const [slot] = await em().execute<[{ wait: number }]>(
        sql`select rolecall.take_slot(${domain}, ${perSecond}, ${pace()}) as wait`,
      );
      return slot.wait;
    },
    async slowDown({ domain, perSecond }) {
      await em().execute(sql`select rolecall.slow_down(${domain}, ${perSecond}, ${pace()})`);
    },
    async upNext() {
      const rows = await em().execute<Row[]>(sql`
        select d.domain, p.* from rolecall.pacing_domain d
        left join lateral (
          select run, seed, tenant from rolecall.pacing_parked
          where domain = d.domain and d.due_at <= rolecall.epoch_ms()
          order by turn, seed limit ${PACE.upNext}
        ) p on true
        where d.due_at is not null`);
      const parked = rows.filter(({ seed }) => seed !== null).map((row) => ({ ...toWaiting(row), domain: row.domain }));
      return { waiting: rows.length > 0, parked };
    },
    async admit() {
      const rows = await em().execute<(Row & { wait_ms: number })[]>(
        sql`select * from rolecall.admit_parked(${pace()})`,
      );
      return rows.map((row) => ({ ...toWaiting(row), domain: row.domain, waitMs: row.wait_ms }));
    },
    async leave(parked) {
      const seeds = `{${parked.map(({ seedId }) => seedId).join()}}`;
      await em().execute(sql`
        with parked as (delete from rolecall.pacing_parked where seed = any(${seeds}::bigint[]))
        delete from rolecall.pacing_admitted where seed = any(${seeds}::bigint[])`);
    },
    async leaveTenant(domain, tenant) {
      const rows = await em().execute<Row[]>(sql`
        delete from rolecall.pacing_parked where domain = ${domain} and tenant = ${tenant} returning run, seed, tenant`);
      return rows.map(toWaiting);
    },
  };
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
