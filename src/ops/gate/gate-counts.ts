import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { OnTransient } from '#shared/contract/tenant-settings.ts';
import { CLOSING_STATES, type RunCounts } from './gate.ts';

/** Which run is meant. Without a release: the run of its name that is current. */
export interface GateQuery {
  readonly name?: ManifestName | undefined;
  readonly release?: ReleaseId | undefined;
  readonly tenant?: TenantId | undefined;
}

/** One activation of a release, as the producer recorded it. */
export interface Run {
  readonly run: RunId;
  readonly name: ManifestName;
  readonly release: ReleaseId;
  readonly onTransient: OnTransient;
  readonly seeds: number;
  /** Since it was recorded, by the clock of the database. */
  readonly ageS: number;
  readonly superseded: boolean;
  /** Retention took its seeds. */
  readonly pruned: boolean;
}

/**
 * The runs that answer the question, one per manifest name: more than one means that the question lacks a name. Of a
 * release id that was activated again, the latest run: an earlier one was about another day.
 */
export async function findRuns(em: EntityManager, { name, release }: Omit<GateQuery, 'tenant'>): Promise<Run[]> {
  const named = name === undefined ? sql`true` : sql`name = ${name}`;
  const meant = release === undefined ? sql`superseded_at is null` : sql`release_id = ${release}`;
  return em.execute<Run[]>(sql`
    select distinct on (name) run::int, name, release_id as release, on_transient as "onTransient", seeds,
           extract(epoch from clock_timestamp() - recorded_at)::float8 as "ageS",
           superseded_at is not null as superseded, pruned_at is not null as pruned
    from rolecall.release
    where ${named} and ${meant}
    order by name, run desc`);
}

/** For people: there is no such run. */
export function describeNone({ name, release }: Omit<GateQuery, 'tenant'>): string {
  const what = release === undefined ? 'no current release' : `no release ${release}`;
  return name === undefined ? `${what} in this ledger` : `${what} of ${name} in this ledger`;
}

/**
 * What the gate is made of, in one statement, so that all of it is of one moment. Every starting pod asks it again and
 * again: of a run it reads the tally and a handful of entries of `seed_gate_idx`, however many seeds there are.
 */
export async function countSeeds(em: EntityManager, run: Run, tenant?: TenantId): Promise<RunCounts> {
  const asked = tenant === undefined ? ofRun(run.run) : ofTenant(run.run, tenant);
  const [answer] = await em.execute<Pick<RunCounts, 'counts' | 'found' | 'reasons'>[]>(sql`
    with recursive counts as materialized (${asked.counts}), found as (${asked.found}), reasons as (
      select tenant, coalesce(reason, 'superseded') as reason, count(*)
      from rolecall.seed
      where ${asked.seeds} and state in (${CLOSING_STATES})
      group by 1, 2
      order by 1, 2
    )
    select coalesce((select json_agg(counts) from counts), '[]') as counts,
           array(select state from found where state is not null) as found,
           coalesce((select json_agg(reasons) from reasons), '[]') as reasons`);
  if (answer === undefined) throw new Error('a statement without a condition has one row');
  return { ...run, recorded: tenant === undefined ? run.seeds : null, ...answer };
}

/** The sums of the tally, and beside them the states that seeds are in: from one to the next through the index. */
function ofRun(run: RunId) {
  return {
    seeds: sql`run = ${run}`,
    counts: sql`
      select state, sum(delta) as count from rolecall.seed_tally where run = ${run} group by state having sum(delta) <> 0`,
    found: sql`
      (select state from rolecall.seed where run = ${run} order by state limit 1)
      union all
      select (select state from rolecall.seed where run = ${run} and state > found.state order by state limit 1)
      from found where found.state is not null`,
  };
}

/** A tenant has few seeds: they are counted. */
function ofTenant(run: RunId, tenant: TenantId) {
  const seeds = sql`run = ${run} and tenant = ${tenant}`;
  return {
    seeds,
    counts: sql`select state, count(*) as count from rolecall.seed where ${seeds} group by state`,
    found: sql`select state from counts`,
  };
}
