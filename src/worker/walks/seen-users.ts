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

/** Read at once, and matched in some milliseconds. */
const PAGE = 2_000;
/** Written by one statement. */
const CHUNK = 500;

export function createSeenUsers(em: () => EntityManager): SeenUsers {
  const find = createMicroBatch<SeedId, Sub | null, 'all'>({
    laneOf: () => 'all',
    keysOf: () => [],
    async run(seeds) {
      const rows = await em().execute<{ seed: string; sub: Sub }[]>(sql`
        select seed, sub from rolecall.seen_user where seed = any(${`{${seeds.join()}}`}::bigint[]) and ${IS_FRESH}`);
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
        const names = ofRun.map(({ tenant }) => tenant);
        for await (const page of wantedOf(em, run, names)) {
          const seen = page.flatMap(({ id, email }) => {
            const sub = users.get(emailKey(email));
            return sub === undefined ? [] : [{ seed: id, sub }];
          });
          for (let from = 0; from < seen.length; from += CHUNK) {
            await write(em(), seen.slice(from, from + CHUNK), wantedAtMs);
          }
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

/** Of `rolecall.seen_user`: still worth something. */
export const IS_FRESH = sql`seen_at > clock_timestamp() - ${KEEP_MS} * interval '1 millisecond'`;

async function tenantsOf(em: EntityManager, pool: UserPool) {
  const rows = await em.execute<{ run: RunId; tenant: TenantId; pool: UserPool }[]>(sql`
    select t.run::float8, t.tenant, t.settings -> 'userPool' as pool
    from rolecall.release r join rolecall.release_tenant t using (run)
    where r.superseded_at is null and t.settings -> 'userPool' ->> 'id' = ${pool.id}`);
  return rows.filter((row) => poolKey(row.pool) === poolKey(pool));
}

async function* wantedOf(em: () => EntityManager, run: RunId, tenants: readonly TenantId[]) {
  for (let after = 0; ;) {
    const page = await em().execute<{ id: number; email: string }[]>(sql`
      select id::float8, email from rolecall.seed
      where run = ${run} and tenant in (${[...tenants]}) and state in ('pending', 'retrying', 'waiting') and id > ${after}
      order by id limit ${PAGE}`);
    yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.id ?? after;
  }
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
