import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunId, SeedId, Sub, TenantId } from '#shared/contract/ids.ts';
import type { CognitoRequests } from '../cognito/cognito-requests.ts';
import type { CognitoOperation } from '../cognito/pace.ts';
import {
  poolKey,
  type FoundUser,
  type LookupSource,
  type Postponed,
  type UserPool,
} from '../cognito/user-directory.ts';
import { mayPay } from './break-even.ts';
import { createDecisionLine } from './decision-line.ts';
import { ASK_AGAIN, createKeptScans, moveTo, newsOf, phaseOf, type Phase, type Scan } from './kept-scans.ts';
import { createPoolWalker, IN_VAIN, ratesOf, type WalkEnd } from './pool-walker.ts';
import type { SeenUsers } from './seen-users.ts';
import { KEEP_MS, LEASE_MS, type KnownWalk, type WalkBook, type WalkNews } from './walk-book.ts';
import { createWalkLeases } from './walk-leases.ts';
import { createWalkQueue } from './walk-queue.ts';

export interface PoolWalksDeps {
  readonly requests: CognitoRequests;
  readonly book: Omit<WalkBook, 'prune'>;
  readonly seen: Pick<SeenUsers, 'note' | 'find'>;
  /** Seeds still wanted of it: at this moment or, for a run that asked before, a moment ago. */
  count(pool: UserPool, run: RunId): Promise<number>;
  /** Who shares a quota: walks there go one after another. */
  domainOf(pool: UserPool, operation: CognitoOperation): string;
  answered(source: LookupSource): void;
  /** A pool was walked through to its end; these tenants want somebody of it. */
  walked(pool: UserPool, tenants: ReadonlySet<TenantId>): void;
  now(): number;
  /** In memory at once, over all pools of this process. Default: 100,000, some 50 MB. */
  readonly maxUsersUnderWay?: number;
}

export interface Wanted {
  readonly id: SeedId;
  readonly userPool: UserPool;
  readonly run: RunId;
  /** Who was seen as this seed when it was taken. */
  readonly seenSub: Sub | null;
  /** In epoch milliseconds, by the database's clock. */
  readonly takenAtMs: number;
}

/**
 * Walks through whole pools where that is cheaper than a request for every email, beside the jobs and in none of their slots:
 * one walk through a pool for all workers.
 */
export interface PoolWalks extends AsyncDisposable {
  /**
   * `paced`: a walk is under way, come back then. `null`: look for this one directly, because nothing is walked or because
   * the walk has no clear yes: whoever is missing, ambiguous, disabled or unverified in it may be so no more, or never was.
   */
  look(seed: Wanted): Promise<FoundUser | Postponed | null>;
  /** To be called several times a second: takes on what others want walked where this worker walks, and tells them how far it is. */
  goOn(): Promise<void>;
}

/** What is over is dropped at the latest so much later. */
const SWEEP_EVERY_MS = 5_000;
/**
 * Jobs sit out the decision and a short walk where they are: to put them away and pick others up meanwhile takes the time that
 * the walk needs. But no longer than a slow lookup takes, as a pool may hang, and others wait for these slots.
 */
const PATIENCE_MS = 500;
/** While nobody has said yet how long the decision takes that another worker should make: by then it is heard of, or gone. */
const UNHEARD = { waitMs: 100, boundMs: LEASE_MS };
/** How far a walk is. */
const TELL_EVERY_MS = 1_000;
/** Whoever has waited for long waits an eighth longer, but no more than this. */
const LONGER_AT_MOST_MS = 2_000;
/** When another worker should have come to an end. */
const OVERDUE_MS = 200;

export function createPoolWalks(deps: PoolWalksDeps): PoolWalks {
  const { requests, book, seen, now, domainOf, maxUsersUnderWay = 100_000 } = deps;
  const worker = randomUUID();
  const kept = createKeptScans(now);
  const line = createDecisionLine(now);
  const queue = createWalkQueue(now);
  const leases = createWalkLeases({ book, worker, now });
  const underWay = new Set<Promise<void>>();
  const stop = new AbortController();
  const walkInTurn = createPoolWalker({
    requests,
    seen,
    queue,
    domainOf,
    maxUsers: maxUsersUnderWay,
    signal: stop.signal,
  });
  const sweeping = setInterval(sweep, SWEEP_EVERY_MS).unref();

  return {
    async look(seed) {
      if (seed.seenSub !== null) return saw(seed.seenSub);
      const scan = await readyScanFor(seed);
      const { phase } = scan;
      switch (phase.kind) {
        case 'deciding':
          return comeBack(scan, phase.place.comeBackMs());
        case 'queued':
          if (!phase.place.isLate()) return comeBack(scan, phase.place.comeBackMs());
          giveUp(scan, seed.userPool, phase);
          return null;
        case 'walking':
          return comeBack(scan, phase.place.comeBackMs());
        case 'elsewhere':
          if (phase.comeBackAtMs !== null) return comeBack(scan, Math.max(OVERDUE_MS, phase.comeBackAtMs - now()));
          return comeBack(scan, now() < scan.sinceMs + UNHEARD.boundMs ? UNHEARD.waitMs : null);
        case 'declined':
          return null;
        case 'walked': {
          if (seed.takenAtMs > phase.endedAtMs) return null; // whoever was seen as it would have come with it
          const sub = await seen.find(seed.id).catch(() => null);
          return sub === null ? null : saw(sub);
        }
        default:
          return phase satisfies never;
      }
    },
    async goOn() {
      const walks = await leases.renew();
      await Promise.all(walks.map(goOnWith));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      clearInterval(sweeping);
      while (underWay.size > 0) await Promise.all(underWay);
      await leases.release();
    },
  };

  async function goOnWith(walk: KnownWalk): Promise<void> {
    const { pool, run } = walk;
    const scan = kept.use(poolKey(pool), run);
    if (scan === undefined || scan.phase.kind === 'elsewhere') await tell(pool, takeOn(walk));
    else if (scan.phase.kind === 'queued' && scan.phase.place.isLate()) giveUp(scan, pool, scan.phase);
    else await tell(pool, scan);
  }

  /** Not at once where that was in vain for long: thousands of seeds would be picked up again and again. */
  function comeBack({ sinceMs }: Scan, waitMs: number | null): Postponed | null {
    return waitMs === null
      ? null
      : { kind: 'paced', waitMs: Math.max(waitMs, Math.min(LONGER_AT_MOST_MS, (now() - sinceMs) / 8)) };
  }

  function saw(sub: Sub): FoundUser {
    deps.answered('scan');
    return { kind: 'found', sub, enabled: true, emailVerified: true };
  }

  /** A run that is newer than the walk looks for itself, also where it came while that was under way. */
  async function readyScanFor({ userPool, run }: Pick<Wanted, 'userPool' | 'run'>): Promise<Scan> {
    for (;;) {
      const scan =
        kept.use(poolKey(userPool), run) ?? begin(userPool, run, (each, queued) => decide(each, userPool, queued));
      await scan.ready;
      if (run <= scan.run || scan.phase.kind !== 'walked') return scan;
    }
  }

  function begin(pool: UserPool, run: RunId, work: (scan: Scan, queued: () => void) => Promise<void>): Scan {
    const place = line.enter(domainOf(pool, 'DescribeUserPool'));
    const told = { kind: 'deciding', atMs: -TELL_EVERY_MS } as const;
    const scan: Scan = { run, sinceMs: now(), ready: Promise.resolve(), phase: { kind: 'deciding', place }, told };
    kept.keep(poolKey(pool), scan);
    const queued = Promise.withResolvers<void>();
    const done = inBackground(scan, pool, work(scan, queued.resolve));
    scan.ready = Promise.race([done, queued.promise, sleep(PATIENCE_MS, undefined, { ref: false })]);
    return scan;
  }

  function takeOn(walk: KnownWalk): Scan {
    return begin(walk.pool, walk.run, (scan, queued) => walkIfCheaper(scan, walk, queued));
  }

  async function decide(scan: Scan, pool: UserPool, queued: () => void): Promise<void> {
    const seeds = await deps.count(pool, scan.run);
    if (!mayPay({ seeds, ...ratesOf(pool) })) {
      return moveTo(scan, { kind: 'declined', alsoForNewRuns: false, untilMs: now() + KEEP_MS }); // all find that out alike
    }
    const domain = domainOf(pool, 'ListUsers');
    const satOutMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const known = await book.ask({ pool, domain, run: scan.run, seeds });
      if (known !== null && !isEnded(known) && (await leases.take(domain, known.walker))) {
        return walkIfCheaper(scan, known, queued);
      }
      const phase = phaseOf(known, now());
      if (
        phase.kind !== 'elsewhere' ||
        (phase.comeBackAtMs ?? 0) > now() + PATIENCE_MS ||
        performance.now() >= satOutMs
      ) {
        if (known !== null) Object.assign(scan, { run: known.run, sinceMs: now() - (known.nowMs - known.wantedAtMs) });
        return moveTo(scan, phase);
      }
      await sleep(ASK_AGAIN.fromMs, undefined, { signal: stop.signal, ref: false });
    }
  }

  async function walkIfCheaper(scan: Scan, known: KnownWalk, queued: () => void): Promise<void> {
    const { pool, run } = known;
    scan.run = run;
    const end = await walkInTurn(known, {
      queued(place) {
        moveTo(scan, { kind: 'queued', place });
        queued();
      },
      isGivenUp: () => scan.phase.kind !== 'queued',
      begun: (place) => moveTo(scan, { kind: 'walking', place }),
    });
    switch (end.kind) {
      case 'walked': {
        const endedAtMs = await book.tell({ pool, run, phase: 'walked', ...sizeOf(end) });
        moveTo(scan, { kind: 'walked', endedAtMs, untilMs: now() + KEEP_MS });
        deps.walked(pool, end.tenants);
        return;
      }
      case 'declined':
        return decline(scan, pool, end);
      case 'given up':
        return; // which is told already
      default:
        return end satisfies never;
    }
  }

  /** What fails is left to the direct look, which finds out whether it lasts, and says so. */
  function inBackground(scan: Scan, pool: UserPool, work: Promise<void>): Promise<void> {
    const done: Promise<void> = work.catch(() => decline(scan, pool, IN_VAIN)).finally(() => underWay.delete(done));
    underWay.add(done);
    return done;
  }

  async function decline(scan: Scan, pool: UserPool, end: Extract<WalkEnd, { kind: 'declined' }>): Promise<void> {
    const { alsoForNewRuns } = end;
    moveTo(scan, { kind: 'declined', alsoForNewRuns, untilMs: now() + KEEP_MS });
    if (stop.signal.aborted) return; // it is this worker that gives up; another one may walk
    await book.tell({ pool, run: scan.run, phase: 'declined', alsoForNewRuns, ...sizeOf(end) }).catch(() => {});
  }

  function giveUp(scan: Scan, pool: UserPool, { place }: Extract<Phase, { kind: 'queued' }>): void {
    void decline(scan, pool, IN_VAIN);
    place[Symbol.dispose]();
  }

  /** For those who wait elsewhere. What has ended is told again, as it seems to have got lost. */
  async function tell(pool: UserPool, scan: Scan): Promise<void> {
    const { run, phase, told } = scan;
    if (told.kind === phase.kind && now() < told.atMs + TELL_EVERY_MS) return;
    scan.told = { kind: phase.kind, atMs: now() };
    const news = newsOf(phase);
    if (news !== null) await book.tell({ pool, run, ...news });
  }

  function sweep(): void {
    kept.sweep();
    queue.sweep();
  }
}

function sizeOf({ size }: WalkEnd): Pick<WalkNews, 'size'> {
  return size === undefined ? {} : { size };
}

function isEnded({ phase }: KnownWalk): boolean {
  return phase === 'walked' || phase === 'declined';
}
