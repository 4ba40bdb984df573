import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { TransientReason } from '#shared/contract/reasons.ts';
import { sourcesOf, type SeedState, type SeedStateKind } from '#shared/contract/seed-state.ts';

/*
 * Whoever locks many seeds locks them in the order of their ids, so that a batch of a worker, a replay and a newer run
 * never wait for each other in a circle.
 */

export interface SeedMove<Kind extends SeedStateKind> {
  readonly id: SeedId;
  readonly next: Extract<SeedState, { kind: Kind }>;
}

/**
 * Moves seeds to states of one kind, in one guarded statement, and returns those that moved. The others are where it cannot
 * be reached from, because a copy of their job settled them or a newer run superseded them. Losing that race is fine.
 * Moving to where a seed is counts the attempt.
 * Who is to be tried again and is suspected of something stays `pending`.
 */
export async function moveSeeds<Kind extends SeedStateKind>(
  em: EntityManager,
  kind: Kind,
  moves: readonly SeedMove<Kind>[],
): Promise<ReadonlySet<SeedId>> {
  const moved = await em.execute<{ id: string }[]>(sql`with ${movingSeeds(kind, moves)} select id from moved`);
  return new Set(moved.map(toId));
}

/** The same for a statement that does more: `moved` has the id, run, tenant and sub of those that moved. */
export function movingSeeds<Kind extends SeedStateKind>(
  kind: Kind,
  moves: readonly SeedMove<Kind>[],
  condition = sql`true`,
) {
  const rows = moves.map(({ id, next }) => ({ id, ...EMPTY, ...next }));
  // Only `pending` says something about a suspicion: one throttle between two answers must not forget the first.
  const suspicion = kind === 'pending' ? sql`, ${SUSPICION}` : sql``;
  const [state, reason] = kind === 'retrying' ? RETRYING : [sql`${kind}`, sql`next.reason`];
  return sql`
    next as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as next(id bigint, reason text, sub uuid, "nextAttemptAt" timestamptz, suspicion jsonb, fix text)
      limit ${rows.length} -- for the planner, which would guess 100 and rather read the whole table
    ), ${lockedIn(
      moves.map(({ id }) => id),
      kind,
      condition,
    )}, moved as (
      update rolecall.seed s
      set state = ${state}, reason = ${reason}, fix = next.fix, sub = next.sub,
          next_attempt_at = next."nextAttemptAt"${suspicion}, attempts = s.attempts + 1, updated_at = clock_timestamp()
      from next join locked using (id)
      where s.id = next.id
      returning s.id, s.run, s.tenant, s.sub
    )`;
}

const EMPTY = { reason: null, sub: null, nextAttemptAt: null, suspicion: null, fix: null } as const;
const SUSPICION = sql`
  suspected_reason = next.suspicion ->> 'reason', sightings = coalesce((next.suspicion ->> 'sightings')::int, 0)`;
/**
 * A blip between two looks is no verdict: the gate, which tolerates `retrying`, must not open on it and close again after the
 * second look. Whoever had the blip may not even have got to read that something is suspected.
 */
const isSuspected = sql`(s.state = 'pending' and s.suspected_reason is not null)`;
const RETRYING = [
  sql`case when ${isSuspected} then 'pending' else 'retrying' end`,
  sql`case when not ${isSuspected} then next.reason end`,
] as const;

/**
 * A replay: blocked seeds go back to work, and a fault of the tenant that is older no longer speaks for them. No worker's
 * attempt is behind it. Returns those that moved.
 */
export async function moveToPending(em: EntityManager, ids: readonly SeedId[]): Promise<SeedId[]> {
  if (ids.length === 0) return [];
  const moved = await em.execute<{ id: string }[]>(sql`
    with ${lockedIn(ids, 'pending')}
    update rolecall.seed s
    set state = 'pending', reason = null, fix = null, sub = null, next_attempt_at = null, suspected_reason = null,
        sightings = 0, replayed_at = clock_timestamp(), updated_at = clock_timestamp()
    from locked where s.id = locked.id
    returning s.id`);
  return moved.map(toId);
}

/**
 * Seeds of these tenants that nobody has asked for take the answer that others got. No worker's attempt is behind it; whoever has
 * an answer of its own keeps that. Returns how many moved, of which there are so many at most.
 */
export async function moveUnaskedToRetrying(
  em: EntityManager,
  { tenants, reason, limit }: UnaskedSeeds,
): Promise<number> {
  const isUnasked = sql`state = 'pending' and suspected_reason is null`;
  const [moved] = await em.execute<{ count: number }[]>(sql`
    with found as materialized (
      select id from rolecall.seed
      where (run, tenant) in (
        select run, tenant from jsonb_to_recordset(${JSON.stringify(tenants)}::jsonb) as of(run bigint, tenant text)
      ) and ${isUnasked} limit ${limit}
    ), locked as (
      select id from rolecall.seed where id in (select id from found) and ${isUnasked} order by id for no key update
    ), moved as (
      update rolecall.seed s set state = 'retrying', reason = ${reason}, updated_at = clock_timestamp()
      from locked where s.id = locked.id
      returning 1
    )
    select count(*)::int as count from moved`);
  return moved?.count ?? 0;
}

export interface UnaskedSeeds {
  readonly tenants: readonly { readonly run: RunId; readonly tenant: TenantId }[];
  readonly reason: TransientReason;
  readonly limit: number;
}

/** A newer run: what is unsettled of these will not be worked on any more. Returns how many seeds that are. */
export async function moveToSuperseded(em: EntityManager, runs: readonly RunId[]): Promise<number> {
  if (runs.length === 0) return 0;
  const [moved] = await em.execute<{ count: number }[]>(sql`
    with locked as (
      select id from rolecall.seed
      where run in (${runs}) and state in (${sourcesOf('superseded')}) order by id for no key update
    ), moved as (
      update rolecall.seed s
      set state = 'superseded', reason = null, fix = null, next_attempt_at = null, updated_at = clock_timestamp()
      from locked where s.id = locked.id
      returning 1
    )
    select count(*)::int as count from moved`);
  return moved?.count ?? 0;
}

/** What `locked` is: those of the seeds that may become `kind`, as they stand when it is their turn to be locked. */
function lockedIn(ids: readonly SeedId[], kind: SeedStateKind, condition = sql`true`) {
  return sql`locked as (
      select id from rolecall.seed
      where id = any(${`{${ids.join()}}`}::bigint[]) and state in (${sourcesOf(kind)}) and ${condition}
      order by id for no key update
    )`;
}

function toId({ id }: { readonly id: string }): SeedId {
  return Number(id) as SeedId; // a row of `seed`, so its id is one
}
