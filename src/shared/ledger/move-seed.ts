import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, SeedId } from '#shared/contract/ids.ts';
import { sourcesOf, type SeedState } from '#shared/contract/seed-state.ts';

/**
 * Moves a seed, in one guarded statement. `false`: the seed is where `next` cannot be reached from, because a copy of
 * this job settled it or a newer run superseded it. Losing that race is fine. Moving to where it is counts the attempt.
 */
export async function moveSeed(em: EntityManager, id: SeedId, next: SeedState): Promise<boolean> {
  const moved = await em.execute(sql`
    update rolecall.seed
    set ${columnsOf(next)}, attempts = attempts + 1, updated_at = clock_timestamp()
    where id = ${id} and state in (${sourcesOf(next.kind)})
    returning id`);
  return moved.length === 1;
}

/**
 * A replay: blocked seeds go back to work, and a fault of the tenant that is older no longer speaks for them. No worker's
 * attempt is behind it. Returns those that moved.
 */
export async function moveToPending(em: EntityManager, ids: readonly SeedId[]): Promise<SeedId[]> {
  if (ids.length === 0) return [];
  const moved = await em.execute<{ id: string }[]>(sql`
    update rolecall.seed
    set ${columnsOf({ kind: 'pending', suspicion: null })}, replayed_at = clock_timestamp(), updated_at = clock_timestamp()
    where id = any(${`{${ids.join()}}`}::bigint[]) and state in (${sourcesOf('pending')})
    returning id`);
  return moved.map(({ id }) => Number(id) as SeedId); // a row of `seed`, so its id is one
}

/** A newer run: what is unsettled of these will not be worked on any more. Returns how many seeds that are. */
export async function moveToSuperseded(em: EntityManager, runs: readonly RunId[]): Promise<number> {
  if (runs.length === 0) return 0;
  const [moved] = await em.execute<{ count: number }[]>(sql`
    with moved as (
      update rolecall.seed
      set state = 'superseded', reason = null, next_attempt_at = null, updated_at = clock_timestamp()
      where run in (${runs}) and state in (${sourcesOf('superseded')}) returning 1
    )
    select count(*)::int as count from moved`);
  return moved?.count ?? 0;
}

function columnsOf(next: SeedState) {
  const { kind, reason, sub, nextAttemptAt, suspicion } = { ...EMPTY, ...next };
  const columns = sql`state = ${kind}, reason = ${reason}, sub = ${sub}, next_attempt_at = ${nextAttemptAt}`;
  // Only `pending` says something about a suspicion: one throttle between two answers must not forget the first.
  return kind === 'pending'
    ? sql`${columns}, suspected_reason = ${suspicion?.reason ?? null}, sightings = ${suspicion?.sightings ?? 0}`
    : columns;
}

const EMPTY = { reason: null, sub: null, nextAttemptAt: null, suspicion: null } as const;
