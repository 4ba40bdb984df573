import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { emailKey, type RunId, type SeedId, type Sub, type TenantId } from '#shared/contract/ids.ts';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { createMicroBatch } from '../batching/micro-batch.ts';
import { poolKey, type UserPool } from '../cognito/user-directory.ts';
import { isDatabaseAway } from '../grants/database-errors.ts';
import { KEEP_MS } from './walk-book.ts';
import type { ClearUsers } from './walk-pool.ts';

/** Whom walks saw, of those that are wanted: a seed and a sub, for a minute. Of all others nothing is kept. */
export interface SeenUsers {
  /**
   * Whoever is still wanted of this pool by runs that were there before the walk; one that came later looks for itself, as
   * people may have been changed in between. Returns their tenants, whether their users were seen or not.
   */
  note(walk: SeenWalk): Promise<ReadonlySet<TenantId>>;
  /** Who was seen as a seed since it was taken. `null`: nobody without a doubt. */
  find(seed: SeedId): Promise<Sub | null>;
  prune(): Promise<void>;
}

export interface SeenWalk {
  readonly pool: UserPool;
  readonly users: ClearUsers;
  /** Who was changed before that is seen as changed. In epoch milliseconds, by the database's clock. */
  readonly wantedAtMs: number;
}

/** Of a walk that is noted together with others: those need not wait for a larger one. */
const FEW_USERS = 100;
/** Whose seeds are read at once. */
const TENANTS = 100;
/** Written by one statement. */
const SEEDS = 500;

/** `em`: a fresh one for each operation. */
export function createSeenUsers(em: () => EntityManager, execute: RunStatement): SeenUsers {
  const find = createMicroBatch<SeedId, Sub | null, 'all'>({
    laneOf: () => 'all',
    keysOf: () => [],
    async run(seeds) {
      const rows = await execute<{ seed: string; sub: Sub }[]>(sql`
        select u.seed, u.sub from rolecall.seed s join rolecall.seen_user u on ${SEEN_OF_SEED}
        where s.id = any(${`{${seeds.join()}}`}::bigint[])`);
      const subs = new Map(rows.map(({ seed, sub }) => [Number(seed), sub]));
      return seeds.map((seed) => subs.get(seed) ?? null);
    },
    failsAlike: isDatabaseAway,
  });
  const note = createMicroBatch<SeenWalk, ReadonlySet<TenantId>, string>({
    laneOf: ({ pool, users }) => (users.size > FEW_USERS ? poolKey(pool) : 'small pools'),
    keysOf: ({ pool }) => [poolKey(pool)],
    run: (walks) => noteMany(execute, walks),
    failsAlike: isDatabaseAway,
  });

  return {
    find,
    note,
    async prune() {
      await em().execute(sql`
        delete from rolecall.seen_user where seed in (
          select seed from rolecall.seen_user
          where seen_at < clock_timestamp() - ${KEEP_MS} * interval '1 millisecond' order by seed for update skip locked)`);
    },
  };
}

/** What is still worth something of `rolecall.seen_user u`, for `rolecall.seed s`: not what was seen before a replay. */
export const SEEN_OF_SEED = sql`
  u.seed = s.id and u.seen_at > clock_timestamp() - ${KEEP_MS} * interval '1 millisecond'
  and (s.replayed_at < u.wanted_at) is not false`;

/** Where each tenant has a pool of its own, many small walks end at the same time. */
async function noteMany(execute: RunStatement, walks: readonly SeenWalk[]): Promise<ReadonlySet<TenantId>[]> {
  const ofPool = new Map(walks.map((walk) => [poolKey(walk.pool), { ...walk, tenants: new Set<TenantId>() }]));
  const wanting = (await tenantsOf(execute, walks)).flatMap(({ run, recordedAtMs, tenant, pool }) => {
    const walk = ofPool.get(poolKey(pool));
    if (walk === undefined || recordedAtMs >= walk.wantedAtMs) return [];
    walk.tenants.add(tenant);
    return [{ run, tenant, walk }];
  });
  for (const some of chunks(wanting, TENANTS)) {
    const walkOf = new Map(some.map(({ run, tenant, walk }) => [`${run} ${tenant}`, walk]));
    const found = (await wantedOf(execute, some)).flatMap(({ id, run, tenant, email }) => {
      const walk = walkOf.get(`${run} ${tenant}`);
      const sub = walk?.users.get(emailKey(email));
      return walk === undefined || sub === undefined ? [] : [{ seed: id, sub, wantedAt: walk.wantedAtMs / 1_000 }];
    });
    for (const part of chunks(found, SEEDS)) await write(execute, part);
  }
  return [...ofPool.values()].map(({ tenants }) => tenants);
}

async function tenantsOf(execute: RunStatement, walks: readonly SeenWalk[]) {
  const ids = JSON.stringify(walks.map(({ pool }) => pool.id));
  return execute<{ run: RunId; recordedAtMs: number; tenant: TenantId; pool: UserPool }[]>(sql`
    select t.run::float8, extract(epoch from r.recorded_at)::float8 * 1000 as "recordedAtMs", t.tenant, t.settings -> 'userPool' as pool
    from rolecall.release r join rolecall.release_tenant t using (run)
    where r.superseded_at is null
      and t.settings -> 'userPool' ->> 'id' in (select jsonb_array_elements_text(${ids}::jsonb))`);
}

interface Wanting {
  readonly run: RunId;
  readonly tenant: TenantId;
}

/** Tenant by tenant (which OFFSET 0 sees to), as their seeds are a few of all that were ever recorded. */
async function wantedOf(execute: RunStatement, wanting: readonly Wanting[]) {
  const tenants = JSON.stringify(wanting.map(({ run, tenant }) => ({ run, tenant })));
  return execute<(Wanting & { readonly id: SeedId; readonly email: string })[]>(sql`
    select seed.id::float8, wanting.run::float8, wanting.tenant, seed.email
    from jsonb_to_recordset(${tenants}::jsonb) as wanting(run bigint, tenant text)
    cross join lateral (
      select s.id, s.email from rolecall.seed s
      where s.run = wanting.run and s.tenant = wanting.tenant and s.state in ('pending', 'retrying', 'waiting')
      offset 0
    ) seed`);
}

interface Seen {
  readonly seed: SeedId;
  readonly sub: Sub;
  /** Epoch seconds. */
  readonly wantedAt: number;
}

async function write(execute: RunStatement, seen: readonly Seen[]): Promise<void> {
  await execute(sql`
    insert into rolecall.seen_user as s (seed, sub, wanted_at, seen_at)
    select seed, sub, to_timestamp("wantedAt"), clock_timestamp()
    from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb) as seen(seed bigint, sub uuid, "wantedAt" float8) order by seed
    on conflict (seed) do update set sub = excluded.sub, wanted_at = excluded.wanted_at, seen_at = excluded.seen_at`);
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
