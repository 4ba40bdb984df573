import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { SeedId } from '#shared/contract/ids.ts';
import { sourcesOf, type SeedState, type SeedStateKind } from '#shared/contract/seed-state.ts';

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

/** Moves many at once where no worker's attempt is behind it: a replay, or a newer run. Returns those that moved. */
export async function moveSeeds(
  em: EntityManager,
  ids: readonly SeedId[],
  next: Extract<SeedState, { kind: 'pending' | 'superseded' }>,
): Promise<SeedId[]> {
  if (ids.length === 0) return [];
  const moved = await em.execute<{ id: string }[]>(sql`
    update rolecall.seed
    set ${columnsOf(next)}, ${replayedAt(next.kind)}, updated_at = clock_timestamp()
    where id = any(${`{${ids.join()}}`}::bigint[]) and state in (${sourcesOf(next.kind)})
    returning id`);
  return moved.map(({ id }) => Number(id) as SeedId); // a row of `seed`, so its id is one
}

function columnsOf(next: SeedState) {
  const { kind, reason, sub, nextAttemptAt, suspicion } = { ...EMPTY, ...next };
  const columns = sql`state = ${kind}, reason = ${reason}, sub = ${sub}, next_attempt_at = ${nextAttemptAt}`;
  // Only `pending` says something about a suspicion: one throttle between two answers must not forget the first.
  return kind === 'pending'
    ? sql`${columns}, suspected_reason = ${suspicion?.reason ?? null}, sightings = ${suspicion?.sightings ?? 0}`
    : columns;
}

/** A fault of the tenant that is older than the replay no longer speaks for the seed. */
function replayedAt(kind: SeedStateKind) {
  return kind === 'pending' ? sql`replayed_at = clock_timestamp()` : sql`replayed_at = replayed_at`;
}

const EMPTY = { reason: null, sub: null, nextAttemptAt: null, suspicion: null } as const;
