import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { OnTransient } from '#shared/contract/tenant-settings.ts';
import type { RunCounts, SeedCount } from './gate.ts';

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
           superseded_at is not null as superseded
    from rolecall.release
    where ${named} and ${meant}
    order by name, run desc`);
}

/** One grouped read of `seed_gate_idx`, and of nothing else: every starting pod asks it again and again. */
export async function countSeeds(em: EntityManager, run: Run, tenant?: TenantId): Promise<RunCounts> {
  const only = tenant === undefined ? sql`true` : sql`tenant = ${tenant}`;
  const counts = await em.execute<SeedCount[]>(sql`
    select tenant, state, reason, count(*)::int as count
    from rolecall.seed
    where run = ${run.run} and ${only}
    group by state, tenant, reason
    order by state, tenant, reason`);
  return { ...run, recorded: tenant === undefined ? run.seeds : null, counts };
}
