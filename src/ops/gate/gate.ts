import type { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { SEED_STATES, type SeedStateKind } from '#shared/contract/seed-state.ts';
import type { OnTransient } from '#shared/contract/tenant-settings.ts';

/** So many seeds of this tenant are in this state, for this reason. */
export interface SeedCount {
  readonly tenant: TenantId;
  readonly state: SeedStateKind;
  readonly reason: Reason | null;
  readonly count: number;
}

export interface RunCounts {
  readonly run: RunId;
  readonly name: ManifestName;
  readonly release: ReleaseId;
  readonly onTransient: OnTransient;
  /** How many seeds the producer recorded; `null` when the question is about one tenant. */
  readonly recorded: number | null;
  readonly counts: readonly SeedCount[];
}

export interface ClosingReason {
  readonly tenant: TenantId;
  readonly reason: Reason | 'superseded';
  readonly count: number;
  /** What would mend it, mostly a statement, where a worker could tell. */
  readonly fix?: string;
}

/** The body of `/gate` and of `gate --json`. */
export interface Gate {
  readonly state: 'open' | 'pending' | 'blocked' | 'unknown';
  readonly open: boolean;
  /** Open, while some seeds are still tried again. */
  readonly degraded: boolean;
  readonly release: ReleaseId | null;
  readonly run: RunId | null;
  readonly name: ManifestName | null;
  readonly counts: Readonly<Record<SeedStateKind, number>>;
  readonly reasons: readonly ClosingReason[];
  /** Why nothing is known. */
  readonly problem?: string;
}

type Effect = 'settled' | 'tolerated' | 'undecided' | 'closing';

/** What one seed in this state does to the gate. `superseded` closes: its grant was never made, and never will be. */
const EFFECT = {
  granted: 'settled',
  skipped: 'settled',
  retrying: 'tolerated',
  waiting: 'tolerated',
  pending: 'undecided',
  blocked: 'closing',
  superseded: 'closing',
} as const satisfies Record<SeedStateKind, Effect>;

/** Pure: every replica answers alike. Open needs evidence: all seeds that were recorded, each in a state that allows it. */
export function evaluateGate({ run, name, release, onTransient, recorded, counts }: RunCounts): Gate {
  const present = counts.filter(({ count }) => count > 0);
  const total = present.reduce((sum, { count }) => sum + count, 0);
  const effectOf = ({ state }: SeedCount): Effect =>
    state === 'retrying' && onTransient === 'hold' ? 'undecided' : EFFECT[state];
  const closing = present.filter((seeds) => effectOf(seeds) === 'closing');
  const tolerated = present.filter((seeds) => effectOf(seeds) === 'tolerated');
  const settled = present.filter((seeds) => effectOf(seeds) === 'settled');

  const complete = recorded === null || recorded === total; // a seed that is missing was never granted
  if (complete && total === 0) return { ...unknownGate('there are no seeds'), run, name, release };
  const evidenced = complete && tolerated.length + settled.length === present.length;
  const state = closing.length > 0 ? 'blocked' : evidenced ? 'open' : 'pending';
  return {
    state,
    open: state === 'open',
    degraded: state === 'open' && tolerated.length > 0,
    release,
    run,
    name,
    counts: totalsOf(present),
    reasons: closing.map(({ tenant, reason, count }) => ({ tenant, reason: reason ?? 'superseded', count })),
  };
}

/** Closed: nothing is known of such a release or tenant, which must not look like "no seeds left". */
export function unknownGate(problem: string, release: ReleaseId | null = null): Gate {
  const unknown = { state: 'unknown', open: false, degraded: false } as const;
  return { ...unknown, release, run: null, name: null, counts: totalsOf([]), reasons: [], problem };
}

function totalsOf(counts: readonly SeedCount[]): Record<SeedStateKind, number> {
  const totals: Record<SeedStateKind, number> = { ...NONE };
  for (const { state, count } of counts) totals[state] = (totals[state] ?? 0) + count; // a newer version's state has no row here
  return totals;
}

const NONE = Object.fromEntries(SEED_STATES.map((state) => [state, 0])) as Record<SeedStateKind, 0>; // one key per state
