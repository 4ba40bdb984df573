import { setTimeout as sleep } from 'node:timers/promises';
import { emailKey, type Email, type RunId, type TenantId } from '#shared/contract/ids.ts';
import { DEFAULT_REQUESTS_PER_SECOND } from '#shared/contract/tenant-settings.ts';
import { mayPay, planWalk, type KnownDemand } from './break-even.ts';
import type { CognitoRequests, PoolDescription } from './cognito-requests.ts';
import { createKeptScans, type Scan } from './kept-scans.ts';
import type { CognitoOperation } from './pace.ts';
import { poolKey, type FoundUser, type LookupSource, type Postponed, type UserPool } from './user-directory.ts';
import { walkPool } from './walk-pool.ts';
import { createWalkQueue } from './walk-queue.ts';

export type PoolDemand = Pick<KnownDemand, 'seeds' | 'workers'>;

export interface PoolScansDeps {
  readonly requests: CognitoRequests;
  /** At this moment or, for a run that asked before, a moment ago. */
  count(pool: UserPool, run: RunId): Promise<PoolDemand>;
  /** Who shares a quota: walks there go one after another. */
  domainOf(pool: UserPool, operation: CognitoOperation): string;
  answered(source: LookupSource): void;
  /** A pool was walked through to its end; these tenants had asked for somebody of it. */
  walked(pool: UserPool, tenants: ReadonlySet<TenantId>): void;
  now(): number;
  /** Over all pools of this process. Default: 100,000, some 20 MB. */
  readonly maxKeptUsers?: number;
}

export interface Wanted {
  readonly email: Email;
  readonly userPool: UserPool;
  readonly run: RunId;
  readonly tenant: TenantId;
  /** Something was mended by then that a walk begun before may not show. `null`: nobody replayed it. */
  readonly replayedAtMs: number | null;
}

/** Walks through whole pools where that is cheaper than a request for every email, beside the jobs and in none of their slots. */
export interface PoolScans extends AsyncDisposable {
  /**
   * `paced`: a walk is under way, come back then. `null`: look for this one directly, because nothing is walked or because
   * the walk has no clear yes: whoever is missing, ambiguous, disabled or unverified in it may be so no more, or never was.
   */
  look(seed: Wanted): Promise<FoundUser | Postponed | null>;
  /** People whose emails are held in memory. */
  keptUsers(): number;
}

/** Long enough for the jobs of a release, short for a user who is disabled meanwhile: ListUsers itself may lag as much. */
const KEEP_MS = 60_000;
/** The size of a pool is an estimate anyway, and the quota of DescribeUserPool is small: 15 a second. */
const KEEP_SIZE_MS = 300_000;
/** Until a walk is considered again, be it for more seeds or after a failure. */
const DECLINE_MS = 60_000;
/** What is over is dropped at the latest so much later. */
const SWEEP_EVERY_MS = 5_000;
/** From its first page: 20,000 users in pages of 60 at 20 a second take 17 s; four workers share that rate. */
const WALK_DEADLINE_MS = 120_000;
/** Descriptions of a thousand pools of an account, at 10 a second. */
const DECISION_DEADLINE_MS = 120_000;
/**
 * Jobs sit out the decision and a short walk where they are: to put them away and pick others up meanwhile takes the time that
 * the walk needs. But no longer than a slow lookup takes, as a pool may hang, and others wait for these slots.
 */
const PATIENCE_MS = 500;
/** Then they come back, for as long as a role may take to be assumed; where decisions queue up they go on without one. */
const DECIDING = { waitMs: 100, boundMs: 1_000 };
/** Of an account and region, whatever a manifest says; not adjustable (AWS docs: quotas in Amazon Cognito). */
const LIST_USERS_PER_SECOND = 30;

export function createPoolScans(deps: PoolScansDeps): PoolScans {
  const { requests, now, domainOf, maxKeptUsers = 100_000 } = deps;
  const kept = createKeptScans({ maxUsers: maxKeptUsers, now });
  const walks = createWalkQueue(now);
  const sizes = new Map<string, PoolDescription & { readonly atMs: number }>();
  const underWay = new Set<Promise<void>>();
  const stop = new AbortController();
  const sweeping = setInterval(sweep, SWEEP_EVERY_MS).unref();

  return {
    async look({ email, replayedAtMs, ...wanted }) {
      const scan = await readyScanFor(wanted);
      const { phase } = scan;
      switch (phase.kind) {
        case 'deciding':
          return now() < phase.sinceMs + DECIDING.boundMs ? { kind: 'paced', waitMs: DECIDING.waitMs } : null;
        case 'queued':
          if (!phase.place.isLate()) return { kind: 'paced', waitMs: phase.place.comeBackMs() };
          decline(scan, { alsoForNewRuns: true });
          phase.place[Symbol.dispose]();
          return null;
        case 'walking':
          return { kind: 'paced', waitMs: phase.place.comeBackMs() };
        case 'declined':
          return null;
        case 'walked': {
          if (replayedAtMs !== null && replayedAtMs >= scan.begunAtMs) return null;
          const sub = phase.users.get(emailKey(email));
          if (sub === undefined) return null;
          deps.answered('scan');
          return { kind: 'found', sub, enabled: true, emailVerified: true };
        }
        default:
          return phase satisfies never;
      }
    },
    keptUsers: kept.users,
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearInterval(sweeping);
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };

  /** A run that is newer than the walk looks for itself, also where it came while that was under way. */
  async function readyScanFor({ userPool, run, tenant }: Pick<Wanted, 'userPool' | 'run' | 'tenant'>): Promise<Scan> {
    for (;;) {
      const scan = kept.use(poolKey(userPool), run) ?? begin(userPool, run);
      scan.tenants.add(tenant);
      await scan.ready;
      if (run <= scan.run || scan.phase.kind !== 'walked') return scan;
    }
  }

  function begin(pool: UserPool, run: RunId): Scan {
    const begunAtMs = now();
    const phase = { kind: 'deciding' as const, sinceMs: begunAtMs };
    const scan: Scan = { run, begunAtMs, tenants: new Set(), phase, ready: Promise.resolve() };
    kept.keep(poolKey(pool), scan);
    const queued = Promise.withResolvers<void>();
    const done = inBackground(scan, walkIfCheaper(scan, pool, queued.resolve));
    scan.ready = Promise.race([done, queued.promise, sleep(PATIENCE_MS, undefined, { ref: false })]);
    return scan;
  }

  async function walkIfCheaper(scan: Scan, pool: UserPool, queued: () => void): Promise<void> {
    const demand = { ...(await deps.count(pool, scan.run)), ...ratesOf(pool) };
    if (!mayPay(demand)) return decline(scan, { alsoForNewRuns: false });
    const size = await sizeOf(pool);
    const plan = planWalk({ ...demand, ...size });
    if (plan === null) return decline(scan, { alsoForNewRuns: false });
    const [domain, lookupDomain] = [domainOf(pool, 'ListUsers'), domainOf(pool, pool.lookup)];
    using place = walks.enter({ domain, lookupDomain, seeds: demand.seeds, plan });
    if (place === null) return decline(scan, { alsoForNewRuns: false });
    if (!place.isFirst) {
      scan.phase = { kind: 'queued', place };
      queued();
      await place.turn;
      if (scan.phase.kind !== 'queued') return; // it was given up meanwhile
    }
    if (!kept.makeRoom(size.users ?? 0)) return decline(scan, { alsoForNewRuns: true });
    const walking = { kind: 'walking' as const, place, users: size.users ?? 0 };
    scan.phase = walking;
    place.begin();
    const users = await walkPool(pool, {
      requests,
      plan,
      signal: within(WALK_DEADLINE_MS),
      turned(progress) {
        place.turned(progress.pages);
        walking.users = Math.max(walking.users, progress.users);
      },
    });
    if (users === null) return decline(scan, { alsoForNewRuns: true });
    scan.phase = { kind: 'walked', users, untilMs: now() + KEEP_MS };
    deps.walked(pool, scan.tenants);
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
  async function sizeOf(pool: UserPool) {
    const key = poolKey(pool);
    const known = sizes.get(key);
    if (known !== undefined && now() < known.atMs + KEEP_SIZE_MS) return known;
    const signal = within(DECISION_DEADLINE_MS);
    const described = await requests.describePool(pool, { signal }).catch(() => ({ users: null, roundTripMs: 0 }));
    const size = { ...described, atMs: now() };
    sizes.set(key, size);
    return size;
  }

  function decline(scan: Scan, { alsoForNewRuns }: { readonly alsoForNewRuns: boolean }): void {
    scan.phase = { kind: 'declined', untilMs: now() + DECLINE_MS, alsoForNewRuns };
  }

  function within(ms: number): AbortSignal {
    return AbortSignal.any([stop.signal, AbortSignal.timeout(ms)]);
  }

  function sweep(): void {
    kept.sweep();
    walks.sweep();
    for (const [key, { atMs }] of sizes) if (now() >= atMs + KEEP_SIZE_MS) sizes.delete(key);
  }
}

function ratesOf({ lookup, requestsPerSecond }: UserPool) {
  const byList = lookup === 'ListUsers';
  const share = byList ? requestsPerSecond : DEFAULT_REQUESTS_PER_SECOND.ListUsers;
  const pagesPerSecond = Math.min(share, LIST_USERS_PER_SECOND);
  return { pagesPerSecond, lookupsPerSecond: byList ? pagesPerSecond : requestsPerSecond };
}
