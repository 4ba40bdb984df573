import type { Sub } from './ids.ts';
import type { BlockingReason, ReasonOf, TransientReason } from './reasons.ts';

/** A definitive answer that is asked for again before it counts, and how often it was given so far. */
export interface Suspicion {
  readonly reason: 'user-missing' | 'credentials-invalid';
  readonly sightings: number;
}

export type SeedState =
  /** No verdict yet. A suspicion keeps it pending: the gate must never open and then close over the same news. */
  | { readonly kind: 'pending'; readonly suspicion: Suspicion | null; readonly nextAttemptAt?: Date }
  | { readonly kind: 'granted'; readonly sub: Sub }
  | { readonly kind: 'skipped'; readonly reason: 'user-missing' | 'user-disabled' }
  | { readonly kind: 'waiting'; readonly reason: ReasonOf<'not-found'>; readonly nextAttemptAt: Date }
  | { readonly kind: 'retrying'; readonly reason: TransientReason; readonly nextAttemptAt: Date }
  /** `fix`: what would mend this seed; what would mend its tenant stands there. */
  | { readonly kind: 'blocked'; readonly reason: BlockingReason; readonly fix?: string }
  | { readonly kind: 'superseded' };
export type SeedStateKind = SeedState['kind'];

export const SEED_STATES = ['pending', 'retrying', 'waiting', 'granted', 'skipped', 'blocked', 'superseded'] as const;

/** Work remains: a job of the queue stands for each of these, and a new run supersedes them. */
export const UNSETTLED_STATES = ['pending', 'retrying', 'waiting', 'blocked'] as const satisfies SeedStateKind[];

/** Total: each state says what it may become, and nothing else can happen. `blocked → pending` is a replay. */
const MAY_BECOME = {
  pending: SEED_STATES,
  retrying: SEED_STATES,
  waiting: SEED_STATES,
  // blocked: a copy of the job came to a verdict too. granted: a copy got there, and a grant is a fact.
  blocked: ['pending', 'blocked', 'granted', 'superseded'],
  granted: [],
  skipped: [],
  superseded: [],
} as const satisfies Record<SeedStateKind, readonly SeedStateKind[]>;

export function mayBecome(from: SeedStateKind, to: SeedStateKind): boolean {
  return (MAY_BECOME[from] as readonly SeedStateKind[]).includes(to); // the table's rows are tuples of literals
}

/** The table read backwards: the guard of the SQL that moves a seed (`where state in …`). */
export function sourcesOf(to: SeedStateKind): SeedStateKind[] {
  return SEED_STATES.filter((from) => mayBecome(from, to));
}
