import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import { isNotMigrated } from '#shared/ledger/applied-migrations.ts';
import { countSeeds, findRuns, type Run } from '../gate/gate-counts.ts';
import { evaluateGate, type Gate, type StateCount } from '../gate/gate.ts';
import { inTime } from '../gate/in-time.ts';
import { nameRemedies } from '../gate/name-remedies.ts';

/** More than this nobody reads on a page; `rolecall status` lists them all. */
export const SHOWN_SEEDS = 50;

export interface BlockedSeed {
  readonly tenant: TenantId;
  readonly who: string;
  readonly reason: Reason;
}

/** So many seeds of the tenant have no grant yet, and are tried again by themselves. */
export interface TriedAgain {
  readonly tenant: TenantId;
  readonly state: 'retrying' | 'waiting';
  readonly reason: Reason;
  readonly count: number;
}

export interface TenantCount extends StateCount {
  readonly tenant: TenantId;
}

export interface RunOverview {
  readonly run: Run;
  readonly gate: Gate;
  readonly tenants: readonly TenantCount[];
  readonly triedAgain: readonly TriedAgain[];
  readonly blocked: readonly BlockedSeed[];
}

export type Overview =
  | { readonly kind: 'read'; readonly runs: readonly RunOverview[] }
  | { readonly kind: 'unreachable'; readonly code: string };

export interface OverviewOptions {
  /** The release this server is asked about by default; it is shown also when a newer one is current. */
  readonly release: ReleaseId | undefined;
  readonly emails: boolean;
}

/** The current run of every manifest, read afresh. Never rejects. */
export async function readOverview(em: () => EntityManager, options: OverviewOptions): Promise<Overview> {
  try {
    return { kind: 'read', runs: await inTime(readRuns(em, options)) };
  } catch (error) {
    return isNotMigrated(error) ? { kind: 'read', runs: [] } : { kind: 'unreachable', code: codeOf(error) };
  }
}

async function readRuns(em: () => EntityManager, { release, emails }: OverviewOptions): Promise<RunOverview[]> {
  const current = await findRuns(em(), {});
  const own = release === undefined ? [] : await findRuns(em(), { release });
  const known = new Set(current.map(({ run }) => run));
  const runs = [...current, ...own.filter(({ run }) => !known.has(run))];
  return Promise.all(
    runs.map(async (run): Promise<RunOverview> => {
      const [counts, tenants, triedAgain, blocked] = await Promise.all([
        countSeeds(em(), run),
        countByTenant(em(), run.run),
        countTriedAgain(em(), run.run),
        blockedSeeds(em(), run.run, emails),
      ]);
      return { run, gate: await nameRemedies(em(), evaluateGate(counts)), tenants, triedAgain, blocked };
    }),
  );
}

/** Reads all of the run in `seed_gate_idx`: a page may take milliseconds for that, a gate may not. */
function countByTenant(em: EntityManager, run: RunId): Promise<TenantCount[]> {
  return em.execute<TenantCount[]>(sql`
    select tenant, state, count(*)::int as count
    from rolecall.seed
    where run = ${run}
    group by state, tenant
    order by state, tenant`);
}

function countTriedAgain(em: EntityManager, run: RunId): Promise<TriedAgain[]> {
  return em.execute<TriedAgain[]>(sql`
    select tenant, state, reason, count(*)::int as count
    from rolecall.seed
    where run = ${run} and state in ('retrying', 'waiting')
    group by state, tenant, reason
    order by state, reason, tenant`);
}

function blockedSeeds(em: EntityManager, run: RunId, emails: boolean): Promise<BlockedSeed[]> {
  return em.execute<BlockedSeed[]>(sql`
    select tenant, ${emails ? sql`email` : sql`label`} as who, reason
    from rolecall.seed
    where run = ${run} and state = 'blocked'
    order by tenant, reason, id
    limit ${SHOWN_SEEDS}`);
}
