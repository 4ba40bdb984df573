import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { emailKey, type RunId, type SeedId, type Sub, type TenantId } from '#shared/contract/ids.ts';
import { createMicroBatch } from '../batching/micro-batch.ts';
import { poolKey, type UserPool } from '../cognito/user-directory.ts';
import { isDatabaseAway } from '../grants/database-errors.ts';
import { KEEP_MS } from './walk-book.ts';
import type { ClearUsers } from './walk-pool.ts';

/** Whom walks saw, of those that are wanted: a seed and a sub, for a minute. Of all others nothing is kept. */
export interface SeenUsers {
  /** Whoever is wanted of this pool at this moment. Returns their tenants, whether their users were seen or not. */
  note(walk: SeenWalk): Promise<ReadonlySet<TenantId>>;
  /** Who was seen as a seed since it was taken. `null`: nobody without a doubt. */
  find(seed: SeedId): Promise<Sub | null>;
  prune(): Promise<void>;
}

export interface SeenWalk {
  readonly pool: UserPool;
  readonly users: ClearUsers;
  /** Who was changed before that is seen as changed; by the database's clock. */
  readonly wantedAtMs: number;
}

/** Whose seeds are read at once: most pools are one tenant's. */
const TENANTS = 100;
/** Written by one statement. */
const SEEDS = 500;

export function createSeenUsers(em: () => EntityManager): SeenUsers {
  const find = createMicroBatch<SeedId, Sub | null, 'all'>({
    laneOf: () => 'all',
    keysOf: () => [],
    async run(seeds) {
      const rows = await em().execute<{ seed: string; sub: Sub }[]>(sql`
        select u.seed, u.sub from rolecall.seed s join rolecall.seen_user u on ${SEEN_OF_SEED}
        where s.id = any(${`{${seeds.join()}}`}::bigint[])`);
      const subs = new Map(rows.map(({ seed, sub }) => [Number(seed), sub]));
      return seeds.map((seed) => subs.get(seed) ?? null);
    },
    failsAlike: isDatabaseAway,
  });

  return {
    find,
    async note({ pool, users, wantedAtMs }) {
      const tenants = await tenantsOf(em(), pool);
      for (const [run, ofRun] of Map.groupBy(tenants, (each) => each.run)) {
        for (const some of chunks(ofRun, TENANTS)) {
          const wanted = await wantedOf(
            em(),
            run,
            some.map(({ tenant }) => tenant),
          );
          const found = wanted.flatMap(({ id, email }) => {
            const sub = users.get(emailKey(email));
            return sub === undefined ? [] : [{ seed: id, sub }];
          });
          for (const part of chunks(found, SEEDS)) await write(em(), part, wantedAtMs);
        }
      }
      return new Set(tenants.map(({ tenant }) => tenant));
    },
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

async function tenantsOf(em: EntityManager, pool: UserPool) {
  const rows = await em.execute<{ run: RunId; tenant: TenantId; pool: UserPool }[]>(sql`
    select t.run::float8, t.tenant, t.settings -> 'userPool' as pool
    from rolecall.release r join rolecall.release_tenant t using (run)
    where r.superseded_at is null and t.settings -> 'userPool' ->> 'id' = ${pool.id}`);
  return rows.filter((row) => poolKey(row.pool) === poolKey(pool));
}

async function wantedOf(em: EntityManager, run: RunId, tenants: readonly TenantId[]) {
  return em.execute<{ id: number; email: string }[]>(sql`
    select id::float8, email from rolecall.seed
    where run = ${run} and tenant in (${[...tenants]}) and state in ('pending', 'retrying', 'waiting')`);
}

async function write(
  em: EntityManager,
  seen: readonly { readonly seed: number; readonly sub: Sub }[],
  wantedAtMs: number,
): Promise<void> {
  await em.execute(sql`
    insert into rolecall.seen_user as s (seed, sub, wanted_at, seen_at)
    select seed, sub, to_timestamp(${wantedAtMs} / 1000.0), clock_timestamp()
    from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb) as seen(seed bigint, sub uuid) order by seed
    on conflict (seed) do update set sub = excluded.sub, wanted_at = excluded.wanted_at, seen_at = excluded.seen_at`);
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
