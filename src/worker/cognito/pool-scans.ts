import { setTimeout as sleep } from 'node:timers/promises';
import { emailKey, type Email, type RunId } from '#shared/contract/ids.ts';
import { DEFAULT_REQUESTS_PER_SECOND } from '#shared/contract/tenant-settings.ts';
import { mayPay, planWalk, type KnownDemand, type WalkPlan } from './break-even.ts';
import type { CognitoRequests, PoolDescription } from './cognito-requests.ts';
import { poolKey, type FoundUser, type LookupSource, type UserPool } from './user-directory.ts';
import { walkPool, type ClearUsers } from './walk-pool.ts';

export type PoolDemand = Pick<KnownDemand, 'seeds' | 'workers'>;

export interface PoolScansDeps {
  readonly requests: CognitoRequests;
  /** At this moment or, for a run that asked before, a moment ago. */
  count(pool: UserPool, run: RunId): Promise<PoolDemand>;
  answered(source: LookupSource): void;
  now(): number;
  /** Over all pools of this process. Default: 100,000, some 20 MB. */
  readonly maxKeptUsers?: number;
}

export interface Wanted {
  readonly email: Email;
  readonly userPool: UserPool;
  readonly run: RunId;
}

/** Walks through whole pools where that is cheaper than a request for every email, beside the jobs and in none of their slots. */
export interface PoolScans extends AsyncDisposable {
  /**
   * `paced`: a walk is under way, come back then. `null`: look for this one directly, because nothing is walked or because
   * the walk has no clear yes: whoever is missing, ambiguous, disabled or unverified in it may be so no more, or never was.
   */
  look(seed: Wanted): Promise<FoundUser | { readonly kind: 'paced'; readonly waitMs: number } | null>;
}

/** Long enough for the jobs of a release, short for a user who is disabled meanwhile: ListUsers itself may lag as much. */
const KEEP_MS = 60_000;
/** The size of a pool is an estimate anyway, and the quota of DescribeUserPool is small: 15 a second. */
const KEEP_SIZE_MS = 300_000;
/** Until a walk is considered again, be it for more seeds or after a failure. */
const DECLINE_MS = 60_000;
/** 20,000 users in pages of 60 at 20 a second take 17 s; four workers share that rate. */
const WALK_DEADLINE_MS = 120_000;
/**
 * Jobs sit out the decision and a short walk where they are: to put them away and pick others up meanwhile takes the time that
 * the walk needs. But no longer than a slow lookup takes, as a pool may hang, and others wait for these slots.
 */
const PATIENCE_MS = 500;
/** Then they come back, for as long as a role may take to be assumed; where decisions queue up they go on without one. */
const DECIDING = { waitMs: 100, boundMs: 1_000 };
/** Some tens of milliseconds are what a delayed job costs; a walk that ends early should not be waited for in vain. */
const WAIT = { fromMs: 50, toMs: 2_000 };
/** Of an account and region, whatever a manifest says; not adjustable (AWS docs: quotas in Amazon Cognito). */
const LIST_USERS_PER_SECOND = 30;

interface Scan {
  /** The newest run that it was begun for. */
  readonly run: RunId;
  /** Walked, declined, or taking longer than a job should wait for it. */
  ready: Promise<void>;
  phase: Phase;
}

interface Walking {
  readonly kind: 'walking';
  readonly plan: WalkPlan;
  readonly sinceMs: number;
  pages: number;
  users: number;
}

type Phase =
  | { readonly kind: 'deciding'; readonly sinceMs: number }
  | Walking
  | { readonly kind: 'walked'; readonly users: ClearUsers; readonly untilMs: number }
  | { readonly kind: 'declined'; readonly untilMs: number; readonly alsoForNewRuns: boolean };

export function createPoolScans(deps: PoolScansDeps): PoolScans {
  const { requests, now, maxKeptUsers = 100_000 } = deps;
  const scans = new Map<string, Scan>(); // the least recently used first
  const sizes = new Map<string, PoolDescription & { readonly atMs: number }>();
  const underWay = new Set<Promise<void>>();
  const stop = new AbortController();

  return {
    async look({ email, userPool, run }) {
      const key = poolKey(userPool);
      const known = scans.get(key);
      const scan = known !== undefined && !isOver(known, run, now()) ? known : begin(userPool, run);
      scans.delete(key);
      scans.set(key, scan);
      await scan.ready;
      const { phase } = scan;
      switch (phase.kind) {
        case 'deciding':
          return now() < phase.sinceMs + DECIDING.boundMs ? { kind: 'paced', waitMs: DECIDING.waitMs } : null;
        case 'walking':
          return { kind: 'paced', waitMs: remainingMs(phase, now()) };
        case 'declined':
          return null;
        case 'walked': {
          const sub = phase.users.get(emailKey(email));
          if (sub === undefined) return null;
          deps.answered('scan');
          return { kind: 'found', sub, enabled: true, emailVerified: true };
        }
        default:
          return phase satisfies never;
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };

  function begin(pool: UserPool, run: RunId): Scan {
    const scan: Scan = { run, phase: { kind: 'deciding', sinceMs: now() }, ready: Promise.resolve() };
    const done = inBackground(scan, walkIfCheaper(scan, pool));
    scan.ready = Promise.race([done, sleep(PATIENCE_MS, undefined, { ref: false })]);
    return scan;
  }

  async function walkIfCheaper(scan: Scan, pool: UserPool): Promise<void> {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(WALK_DEADLINE_MS)]);
    const demand = { ...(await deps.count(pool, scan.run)), ...ratesOf(pool) };
    if (!mayPay(demand)) return decline(scan, { alsoForNewRuns: false });
    const size = await sizeOf(pool, signal);
    const plan = planWalk({ ...demand, ...size });
    if (plan === null) return decline(scan, { alsoForNewRuns: false });
    if (!makeRoom(size.users ?? 0)) return decline(scan, { alsoForNewRuns: true });
    const walking: Walking = { kind: 'walking', plan, sinceMs: now(), pages: 0, users: size.users ?? 0 };
    scan.phase = walking;
    const users = await walkPool(pool, {
      requests,
      plan,
      signal,
      turned(progress) {
        walking.pages = progress.pages;
        walking.users = Math.max(walking.users, progress.users);
      },
    });
    if (users === null) return decline(scan, { alsoForNewRuns: true });
    scan.phase = { kind: 'walked', users, untilMs: now() + KEEP_MS };
  }

  /** What fails is left to the direct look, which finds out whether it lasts, and says so. */
  function inBackground(scan: Scan, work: Promise<void>): Promise<void> {
    const done: Promise<void> = work
      .catch(() => decline(scan, { alsoForNewRuns: true }))
      .finally(() => underWay.delete(done));
    underWay.add(done);
    return done;
  }

  /** Optional: without the permission, or the answer, the size is unknown. */
  async function sizeOf(pool: UserPool, signal: AbortSignal) {
    const key = poolKey(pool);
    const known = sizes.get(key);
    if (known !== undefined && now() < known.atMs + KEEP_SIZE_MS) return known;
    const described = await requests.describePool(pool, { signal }).catch(() => ({ users: null, roundTripMs: 0 }));
    const size = { ...described, atMs: now() };
    sizes.set(key, size);
    return size;
  }

  function decline(scan: Scan, { alsoForNewRuns }: { readonly alsoForNewRuns: boolean }): void {
    scan.phase = { kind: 'declined', untilMs: now() + DECLINE_MS, alsoForNewRuns };
  }

  /** `false`: what is walked through at this moment needs it all. */
  function makeRoom(wanted: number): boolean {
    let kept = wanted;
    for (const { phase } of scans.values()) kept += usersOf(phase);
    for (const [key, { phase }] of scans) {
      const outdated = phase.kind === 'walked' && phase.untilMs <= now();
      if (phase.kind !== 'walked' || (kept <= maxKeptUsers && !outdated)) continue;
      scans.delete(key);
      kept -= usersOf(phase);
    }
    return kept <= maxKeptUsers;
  }
}

function usersOf(phase: Phase): number {
  if (phase.kind === 'walked') return phase.users.size;
  return phase.kind === 'walking' ? phase.users : 0;
}

/**
 * A newer run looks for itself: it may want more of the pool, and people may have been created anew for it. Only after a
 * failure it has to wait like everybody.
 */
function isOver({ phase, run }: Scan, newRun: RunId, nowMs: number): boolean {
  if (phase.kind === 'deciding' || phase.kind === 'walking') return false;
  return nowMs >= phase.untilMs || (newRun > run && !(phase.kind === 'declined' && phase.alsoForNewRuns));
}

function remainingMs({ plan, pages, sinceMs }: Walking, nowMs: number): number {
  const left = Math.max(1, plan.expectedPages - pages);
  const estimate = Math.ceil((left * (nowMs - sinceMs)) / Math.max(1, pages));
  return Math.min(WAIT.toMs, Math.max(WAIT.fromMs, estimate));
}

function ratesOf({ lookup, requestsPerSecond }: UserPool) {
  const byList = lookup === 'ListUsers';
  const share = byList ? requestsPerSecond : DEFAULT_REQUESTS_PER_SECOND.ListUsers;
  const pagesPerSecond = Math.min(share, LIST_USERS_PER_SECOND);
  return { pagesPerSecond, lookupsPerSecond: byList ? pagesPerSecond : requestsPerSecond };
}
