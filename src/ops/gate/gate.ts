import type { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { SEED_STATES, type SeedStateKind } from '#shared/contract/seed-state.ts';
import type { OnTransient } from '#shared/contract/tenant-settings.ts';

/** So many seeds are in this state. */
export interface StateCount {
  readonly state: SeedStateKind;
  readonly count: number;
}

export interface ClosingReason {
  readonly tenant: TenantId;
  readonly reason: Reason | 'superseded';
  readonly count: number;
  /** What would mend it, mostly a statement, where workers could tell; a line for each. */
  readonly fix?: string;
}

export interface RunCounts {
  readonly run: RunId;
  readonly name: ManifestName;
  readonly release: ReleaseId;
  readonly onTransient: OnTransient;
  /** Retention took its seeds, so nothing can be counted. */
  readonly pruned: boolean;
  /** How many seeds the producer recorded; `null` when the question is about one tenant. */
  readonly recorded: number | null;
  readonly counts: readonly StateCount[];
  /** The states in which seeds were found: what the counts must agree with. */
  readonly found: readonly SeedStateKind[];
  /** Of the seeds that close the gate. */
  readonly reasons: readonly ClosingReason[];
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

export const CLOSING_STATES = SEED_STATES.filter((state) => EFFECT[state] === 'closing');

/**
 * Pure: every replica answers alike. Open needs evidence: the counts cover all seeds that were recorded, the seeds were found
 * in the states that are counted and in no other, and each of these states allows it.
 */
export function evaluateGate(given: RunCounts): Gate {
  const { run, name, release, onTransient, pruned, recorded, found, reasons } = given;
  if (pruned) return { ...unknownGate(PRUNED), run, name, release };
  const present = given.counts.filter(({ count }) => count > 0);
  const total = present.reduce((sum, { count }) => sum + count, 0);
  const complete = recorded === null || recorded === total; // a seed that is missing was never granted
  if (complete && total === 0) return { ...unknownGate('there are no seeds'), run, name, release };

  const counted = present.map(({ state }) => state);
  const agreed = counted.length === found.length && counted.every((state) => found.includes(state));
  const effectOf = (state: SeedStateKind): Effect =>
    state === 'retrying' && onTransient === 'hold' ? 'undecided' : EFFECT[state];
  const effects = [...counted, ...found].map(effectOf);
  const allowed = effects.every((effect) => effect === 'settled' || effect === 'tolerated');
  const state = effects.includes('closing') ? 'blocked' : complete && agreed && allowed ? 'open' : 'pending';
  return {
    state,
    open: state === 'open',
    degraded: state === 'open' && effects.includes('tolerated'),
    release,
    run,
    name,
    counts: totalsOf(present),
    reasons: state === 'blocked' ? reasons : [],
  };
}

const PRUNED =
  'a newer run took over so long ago that its seeds were pruned (ROLECALL_RETENTION_DAYS); to serve this release, produce it again';

/** Closed: nothing is known of such a release or tenant, which must not look like "no seeds left". */
export function unknownGate(problem: string, release: ReleaseId | null = null): Gate {
  const unknown = { state: 'unknown', open: false, degraded: false } as const;
  return { ...unknown, release, run: null, name: null, counts: totalsOf([]), reasons: [], problem };
}

function totalsOf(counts: readonly StateCount[]): Record<SeedStateKind, number> {
  return { ...NONE, ...Object.fromEntries(counts.map(({ state, count }) => [state, count])) };
}

const NONE = Object.fromEntries(SEED_STATES.map((state) => [state, 0])) as Record<SeedStateKind, 0>; // one key per state
