import { createHash } from 'node:crypto';
import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { RunId } from '#shared/contract/ids.ts';
import { TenantSettings } from '#shared/contract/tenant-settings.ts';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { createMicroBatch } from '../batching/micro-batch.ts';
import { poolKey, type UserPool } from '../cognito/user-directory.ts';
import { isDatabaseAway } from '../grants/database-errors.ts';

/** A walk through a pool that somebody wants. */
export interface WantedWalk {
  readonly pool: UserPool;
  /** Whose quota its pages use. */
  readonly domain: string;
  /** The newest run that wants it. */
  readonly run: RunId;
  /** Still wanted of the pool. */
  readonly seeds: number;
}

/** What all workers know of a walk. Times are epoch milliseconds of the database's clock, which `nowMs` tells. */
export interface KnownWalk extends WantedWalk {
  readonly phase: 'wanted' | 'queued' | 'walking' | 'walked' | 'declined';
  readonly wantedAtMs: number;
  /** When it should be over, while it is queued or under way. */
  readonly comeBackAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly alsoForNewRuns: boolean;
  /** As Cognito estimated it within the last minutes; `null`: it was not asked. */
  readonly size: { readonly users: number | null; readonly roundTripMs: number } | null;
  /** Who walks in its domain; `null`: nobody does. */
  readonly walker: string | null;
  readonly nowMs: number;
}

/** What its walker says of a walk. */
export interface WalkNews extends Pick<WantedWalk, 'pool' | 'run'> {
  readonly phase: KnownWalk['phase'];
  /** From now on. */
  readonly comeBackMs?: number;
  readonly alsoForNewRuns?: boolean;
  /** What Cognito was asked for anew. */
  readonly size?: { readonly users: number | null; readonly roundTripMs: number };
}

/**
 * In the ledger, so that a pool is described and walked through once, however many workers want somebody of it. In each
 * domain one worker walks at a time. Nothing depends on that: should two of them do it, it takes more requests.
 */
export interface WalkBook {
  /** What is known of this walk, which is wanted from now on if nothing is. `null`: somebody else asked in the same moment. */
  ask(walk: WantedWalk): Promise<KnownWalk | null>;
  /** Those of the domains in which this worker walks from now on, for `LEASE_MS`. */
  hold(worker: string, domains: readonly string[]): Promise<readonly string[]>;
  /** What is wanted or under way in these domains. */
  open(domains: readonly string[]): Promise<readonly KnownWalk[]>;
  /** When that was. What has ended, or what a newer run wants anew meanwhile, is left as it is. */
  tell(news: WalkNews): Promise<number>;
  /** Others may walk in these domains. */
  release(worker: string, domains: readonly string[]): Promise<void>;
  /** Forgets what nobody wanted for a day. */
  prune(): Promise<void>;
}

/** What was seen, or decided, counts for so long. */
export const KEEP_MS = 60_000;
/** The size of a pool is an estimate anyway, and the quota of DescribeUserPool is small: 15 a second. */
const KEEP_SIZE_MS = 300_000;
/** A walker that died is missed so late. */
export const LEASE_MS = 5_000;

const Row = z.object({
  domain: z.string(),
  user_pool: TenantSettings.shape.userPool,
  run: z.coerce.number().pipe(RunId),
  seeds: z.number(),
  phase: z.enum(['wanted', 'queued', 'walking', 'walked', 'declined']),
  wanted_at: z.number(),
  come_back_at: z.number().nullable(),
  ended_at: z.number().nullable(),
  also_for_new_runs: z.boolean(),
  users: z.number().nullable(),
  round_trip_ms: z.number().nullable(),
  walker: z.string().nullable(),
  now: z.number(),
});

/** `em`: a fresh one for each operation. */
export function createWalkBook(em: () => EntityManager, execute: RunStatement): WalkBook {
  const ask = createMicroBatch<WantedWalk, KnownWalk | null, 'all'>({
    laneOf: () => 'all',
    keysOf: ({ pool }) => [poolKey(pool)],
    run: (walks) => askMany(execute, walks),
    failsAlike: isDatabaseAway,
  });
  const tell = createMicroBatch<WalkNews, number, 'all'>({
    laneOf: () => 'all',
    keysOf: ({ pool }) => [poolKey(pool)],
    run: (news) => tellMany(execute, news),
    failsAlike: isDatabaseAway,
  });
  return {
    ask,
    tell,
    async hold(worker, domains) {
      const held = await execute<{ domain: string }[]>(sql`
        insert into rolecall.walker as held (domain, worker, until)
        select domain, ${worker}::uuid, clock_timestamp() + ${LEASE_MS} * interval '1 millisecond'
        from jsonb_array_elements_text(${JSON.stringify(domains)}::jsonb) as mine(domain) order by domain
        on conflict (domain) do update set worker = excluded.worker, until = excluded.until
        where held.worker = excluded.worker or held.until <= clock_timestamp()
        returning domain`);
      return held.map(({ domain }) => domain);
    },
    async open(domains) {
      const rows = await execute(sql`
        select ${COLUMNS} from rolecall.pool_walk p ${JOIN_WALKER}
        where p.domain in (select jsonb_array_elements_text(${JSON.stringify(domains)}::jsonb))
          and p.phase in ('wanted', 'queued', 'walking')
        order by p.wanted_at, p.pool`);
      return rows.map((row) => toKnown(row));
    },
    async release(worker, domains) {
      await em().execute(sql`
        delete from rolecall.walker where domain in (
          select domain from rolecall.walker
          where worker = ${worker} and domain in (select jsonb_array_elements_text(${JSON.stringify(domains)}::jsonb))
          order by domain for update)`);
    },
    async prune() {
      await em().execute(sql`
        delete from rolecall.pool_walk where pool in (
          select pool from rolecall.pool_walk
          where wanted_at < clock_timestamp() - interval '1 day' order by pool for update skip locked)`);
    },
  };
}

/**
 * A walk is wanted anew when it is over, when a newer run wants it (which may want more of the pool, and for which people may
 * have been created anew), and when whoever had taken it on is gone. Only after a failure a newer run waits like everybody.
 */
async function askMany(execute: RunStatement, walks: readonly WantedWalk[]): Promise<(KnownWalk | null)[]> {
  const wanted = walks.map(({ pool, ...walk }) => ({ ...walk, pool: nameOf(pool), userPool: pool }));
  const rows = await execute<{ pool: string }[]>(sql`
    with asked as (
      select * from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb)
        as asked(pool text, domain text, run bigint, seeds integer, "userPool" jsonb)
    ), begun as (
      insert into rolecall.pool_walk as p (pool, domain, run, seeds, user_pool, phase, wanted_at)
      select pool, domain, run, seeds, "userPool", 'wanted', clock_timestamp() from asked order by pool
      on conflict (pool) do update
      set domain = excluded.domain, run = greatest(p.run, excluded.run), seeds = excluded.seeds, user_pool = excluded.user_pool,
          phase = 'wanted', wanted_at = excluded.wanted_at, come_back_at = null, ended_at = null, also_for_new_runs = false
      where case
        when p.phase in ('walked', 'declined')
          then p.ended_at <= clock_timestamp() - ${KEEP_MS} * interval '1 millisecond'
            or (p.run < excluded.run and not p.also_for_new_runs)
        else not exists (select from rolecall.walker w where w.domain = p.domain and w.until > clock_timestamp())
      end
      returning p.*
    ), known as (
      select * from begun
      union all
      select * from rolecall.pool_walk where pool in (select pool from asked except select pool from begun)
    )
    select p.pool, ${COLUMNS} from known p ${JOIN_WALKER}`);
  const byPool = new Map(rows.map((row) => [row.pool, toKnown(row)]));
  return wanted.map(({ pool }) => byPool.get(pool) ?? null);
}

async function tellMany(execute: RunStatement, news: readonly WalkNews[]): Promise<number[]> {
  const told = news.map(({ pool, size, ...one }) => ({
    ...one,
    ...size,
    pool: nameOf(pool),
    sized: size !== undefined,
  }));
  const [row] = await execute<{ now: number }[]>(sql`
    with told as (
      select * from jsonb_to_recordset(${JSON.stringify(told)}::jsonb) as told(
        pool text, run bigint, phase text, "comeBackMs" float8, "alsoForNewRuns" boolean,
        sized boolean, users integer, "roundTripMs" float8)
    ), locked as (
      select pool from rolecall.pool_walk where pool in (select pool from told) order by pool for update
    ), done as (
      update rolecall.pool_walk p
      set phase = told.phase, also_for_new_runs = coalesce(told."alsoForNewRuns", false),
          come_back_at = clock_timestamp() + told."comeBackMs" * interval '1 millisecond',
          ended_at = case when told.phase in ('walked', 'declined') then clock_timestamp() end,
          users = case when told.sized then told.users else p.users end,
          round_trip_ms = case when told.sized then told."roundTripMs" else p.round_trip_ms end,
          described_at = case when told.sized then clock_timestamp() else p.described_at end
      from told join locked using (pool)
      where p.pool = told.pool and p.run = told.run and p.phase not in ('walked', 'declined')
      returning 1
    )
    select ${NOW} as now, count(*) from done`);
  return news.map(() => row?.now ?? 0);
}

const NOW = sql`extract(epoch from clock_timestamp())::float8 * 1000`;
const COLUMNS = sql`
  p.domain, p.user_pool, p.run, p.seeds, p.phase, p.also_for_new_runs,
  extract(epoch from p.wanted_at)::float8 * 1000 as wanted_at,
  extract(epoch from p.come_back_at)::float8 * 1000 as come_back_at,
  extract(epoch from p.ended_at)::float8 * 1000 as ended_at,
  p.users, case when p.described_at > clock_timestamp() - ${KEEP_SIZE_MS} * interval '1 millisecond'
    then p.round_trip_ms end as round_trip_ms,
  w.worker as walker, ${NOW} as now`;
const JOIN_WALKER = sql`left join rolecall.walker w on w.domain = p.domain and w.until > clock_timestamp()`;

function toKnown(row: unknown): KnownWalk {
  const { user_pool, wanted_at, come_back_at, ended_at, also_for_new_runs, users, round_trip_ms, now, ...same } =
    Row.parse(row);
  return {
    ...same,
    pool: user_pool,
    wantedAtMs: wanted_at,
    comeBackAtMs: come_back_at,
    endedAtMs: ended_at,
    alsoForNewRuns: also_for_new_runs,
    size: round_trip_ms === null ? null : { users, roundTripMs: round_trip_ms },
    nowMs: now,
  };
}

/** By its hash, as an entry of an index is bounded, and a role with its external id is long. */
function nameOf(pool: UserPool): string {
  return createHash('sha256').update(poolKey(pool)).digest('base64url');
}
