import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';

/** Who shares one quota, and how many requests per second of it are ours. */
export interface Budget {
  readonly domain: string;
  readonly perSecond: number;
}

export interface Waiting {
  readonly run: RunId;
  readonly seedId: SeedId;
  readonly tenant: TenantId;
}

export interface Parked extends Waiting {
  readonly domain: string;
}

export interface Admitted extends Parked {
  /** Until its slot. */
  readonly waitMs: number;
}

/** When a lookup may run. */
export type Slot =
  /** In so many milliseconds, which are to be sat out: mostly they are too few for putting the job away. */
  | { readonly kind: 'soon'; readonly waitMs: number }
  /** Come back then, and the slot is yours. */
  | { readonly kind: 'later'; readonly waitMs: number }
  /** All slots up to the horizon are gone: wait for your turn. */
  | { readonly kind: 'full' };

/** A slot for what cannot be parked. */
export type Taken =
  /** In so many milliseconds. */
  | { readonly kind: 'taken'; readonly waitMs: number }
  /** None is near enough: ask again then, others may have been faster. */
  | { readonly kind: 'too-far'; readonly askAgainMs: number };

/**
 * The times at which Cognito may be asked, for all workers together. Each operation is atomic where the book is kept, and by
 * that server's clock. A slot is the domain's next one or now, whichever is later, and the one after it is an interval away
 * (GCRA without a burst: ITU-T I.371). Slots are given out to a horizon only. Who comes when they are gone is parked with a
 * turn: one more than the last that its tenant has parked for this run, but not behind the domain's, so tenants alternate
 * whatever their sizes and whoever came first (start-time fair queueing: Goyal, Vin, Cheng 1996). What cannot be parked takes a slot as it comes; while others
 * are parked, one in a few is kept for it: these follow each other at their own pace, and turns get the rest, so that
 * neither waits for the other.
 */
export interface SlotBook {
  reserve(budget: Budget, seed: Waiting): Promise<Slot>;
  /** From now on it waits for its turn, and may be woken: so its job must have been put away. Again, it keeps its turn. */
  park(seed: Parked): Promise<void>;
  /** For what cannot be parked: the next slot, unless it is further away than that. */
  take(budget: Budget, withinMs: number): Promise<Taken>;
  /** Somebody else uses the quota too: half the rate, which then recovers little by little. `true`: it is the slowest already. */
  slowDown(budget: Budget): Promise<boolean>;
  /** Those whose turn comes next, in domains that have slots to give; `waiting`: whether anybody waits anywhere. */
  upNext(): Promise<{ readonly parked: readonly Parked[]; readonly waiting: boolean }>;
  /** Gives the slots up to the horizon to those whose turn it is. */
  admit(): Promise<readonly Admitted[]>;
  /** They wait no longer, and give back what they were given. */
  leave(parked: readonly Parked[]): Promise<void>;
  /** Which of these wait for a turn or a slot. */
  knownOf(seeds: readonly Parked[]): Promise<ReadonlySet<SeedId>>;
  /** So many of these tenants wait no longer, those with the last turns. Returns them. */
  leaveTenants(domain: string, tenants: readonly TenantId[], limit: number): Promise<readonly Waiting[]>;
}

/** The same numbers wherever the book is kept; milliseconds, unless the name says otherwise. */
export const PACE = {
  /** How far ahead slots are given out: as long as that, a tenant that comes later waits for those before it. */
  horizon: 500,
  /** One slot in so many is for what cannot be parked, while others are: turns are the major part. */
  keptOneIn: 3,
  /** They are kept until nobody came for so long: the pages of a walk follow each other sooner. */
  keptFor: 1_000,
  /** A wait that a job sits out: less than putting it away and picking it up again would take. */
  near: 10,
  /** A slot is for one moment: taken later than this, many at once would exceed the quota, as after a process hung. */
  late: 200,
  /** Nobody came for a slot: whoever was to wake it died, or it did at work. */
  missed: 5_000,
  /** Beyond this, and some intervals, no slot can be: the clock of the book went back, as after a failover to another host. */
  farthest: 60_000,
  /** A domain that was slowed down stays so for this long, and then gets back so much of its budget per second. */
  slowedFor: 5_000,
  recoveryPerSecond: 0.05,
  slowest: 0.05,
  /** Throttles within this time are the same news. */
  sameThrottle: 1_000,
  /** The lowest budget that was named in this time holds for the domain. */
  budgetHolds: 300_000,
  /** How many of a domain are looked at before they are admitted. */
  upNext: 50,
  /** When a parked seed asks by itself, were it never woken. */
  safetyNet: 600_000,
} as const;
