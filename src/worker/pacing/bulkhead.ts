import type { TransientReason } from '#shared/contract/reasons.ts';

export type Entry<V = Visit> =
  | ({ readonly kind: 'go' } & V)
  /** Enough is under way for one like this. `isFirstAnswerDue`: it has not answered yet, and nobody hangs. */
  | { readonly kind: 'later'; readonly waitMs: number; readonly isFirstAnswerDue: boolean }
  /** It did not answer others a moment ago, and one of them is asking again. */
  | { readonly kind: 'failing'; readonly reason: TransientReason };

export type HeldBack = Exclude<Entry<never>, { readonly kind: 'go' }>;

export interface Visit extends Disposable {
  /** How long to wait for an answer; `null`: as long as ever. An answer that does not come by then is no verdict. */
  readonly patienceMs: number | null;
  /** Asks from now on. */
  ask(): void;
  /** `null`: it answered, be it with a refusal. */
  answered(failure: TransientReason | null): void;
  /** Asks no longer, and nothing is known of what came of it. */
  pause(): void;
}

export interface Bulkhead {
  /** `area`: those who share it mostly fail together. */
  enter(key: string, area: string): Entry;
  /** It failed before, and others of its area asked since and were answered: one more failure is its own. */
  wouldFailAlone(key: string): boolean;
}

export interface BulkheadOptions {
  /** Jobs that this process works on at once. */
  readonly concurrency: number;
  now(): number;
}

/** What is asked usually takes less than 100 ms. */
const SLOW_MS = 1_000;
/** A little longer, so that whoever did not answer by then is known to be slow. */
const PROBE_MS = 1_100;
/** Before it has answered for the first time. */
const UNPROVEN_AT_ONCE = 2;
/** So long after somebody new has answered, more of them are let in. */
const FAIR_MS = 250;
const FAILING_AFTER = 2;
/** Until whoever is held back looks again: while an answer is due any moment, while others hang, while none comes, behind slow ones. */
const LONGEST_WAIT_MS = { due: 100, probing: 1_000, silent: 5_000, slow: 30_000 };

/** Who is asked: a pool, a table in a database. */
interface Peer {
  readonly area: Area;
  /** Those who ask, in the order in which they began to. */
  readonly visits: Set<UnderWay>;
  lastMs: number | null;
  lastOkAt: number;
  /** `since`: when the first of them was answered. */
  failures: { count: number; since: number; reason: TransientReason } | null;
  nextTurnAt: number;
}

interface Area {
  lastOkAt: number;
  /** When the last question was asked that was answered. */
  lastOkAskedAt: number;
  /** When the last question was asked that was not answered for long. */
  hungAt: number;
}

interface UnderWay {
  readonly peer: Peer;
  askedAt: number | null;
}

/**
 * Keeps those who do not answer from holding up the others of this process, as each question occupies one of its few slots.
 * Who is slow or failing shares half of the slots with all others of its kind (bulkhead), and who keeps failing is asked by
 * one seed at a time, while the rest take that answer for theirs and try again later (circuit breaker: Nygard, Release It!).
 *
 * Who has not been heard of since somebody hung may hang as well. Newcomers share half of the slots, or more while the
 * others among them answer, and with all that hang they leave a quarter to those who answer. While somebody hangs, each of
 * them is given a second to show that it does not, and one place is for those of areas in which nobody has hung yet.
 */
export function createBulkhead({ concurrency, now }: BulkheadOptions): Bulkhead {
  const peers = new Map<string, Peer>();
  const areas = new Map<string, Area>();
  const visits = new Set<UnderWay>();
  const lane = Math.max(1, Math.floor(concurrency / 2));
  const mayHang = Math.max(1, concurrency - Math.max(1, Math.floor(concurrency / 4)));
  const mayHangAgain = Math.max(1, mayHang - 1);
  let hungAt = -Infinity;
  let provenAt = -Infinity;

  const isOverdue = ({ askedAt }: Pick<UnderWay, 'askedAt'>) => askedAt !== null && now() - askedAt >= SLOW_MS;
  const isHanging = (peer: Peer) => (peer.lastMs ?? 0) >= SLOW_MS || isOverdue(oldestOf(peer.visits));
  const isSlow = (peer: Peer) => isFailing(peer.failures) || isHanging(peer);
  const isUnproven = (peer: Peer) => !isSlow(peer) && (peer.lastMs === null || peer.lastOkAt < hungAt);
  const isSilent = (area: Area) => area.hungAt > area.lastOkAt;

  function hung({ peer, askedAt }: UnderWay): void {
    if (askedAt === null) return;
    peer.area.hungAt = Math.max(peer.area.hungAt, askedAt);
    hungAt = Math.max(hungAt, askedAt);
  }

  function noticeHanging(): void {
    for (const visit of visits) {
      if (isOverdue(visit)) hung(visit);
      else if (visit.askedAt !== null) return; // the others began later
    }
  }

  function stop(visit: UnderWay): void {
    if (isOverdue(visit)) hung(visit);
    visit.askedAt = null;
  }

  const count = (is: (peer: Peer) => boolean) => {
    let sum = 0;
    for (const { peer } of visits) if (is(peer)) sum += 1;
    return sum;
  };

  /** How many more may start. */
  function room(peer: Peer): number {
    if (isSlow(peer)) {
      const left = lane - count(isSlow);
      return isHanging(peer) ? Math.min(left, mayHangAgain - count(isHanging) - count(isUnproven)) : left;
    }
    if (!isUnproven(peer)) return concurrency;
    const hanging = count(isHanging);
    const unproven = count(isUnproven);
    const ownRoom = (hanging === 0 ? UNPROVEN_AT_ONCE : 1) - peer.visits.size;
    const hasEverAnswered = peer.lastOkAt > -Infinity; // then it most likely still does
    if (hasEverAnswered) return Math.min(ownRoom, Math.max(1, concurrency - 1) - hanging - unproven);
    const isFair = hanging === 0 && now() - provenAt < FAIR_MS;
    return Math.min(
      ownRoom,
      (isFair ? Math.max(lane, mayHang - 1) : lane) - unproven,
      (isSilent(peer.area) ? mayHangAgain : mayHang) - hanging - unproven,
      isSilent(peer.area) ? silentShare() : Infinity,
    );
  }

  /** So that one area in which nobody answers does not take the places of those of which less is known. */
  function silentShare(): number {
    return Math.max(1, Math.floor(lane / 2)) - count((peer) => isUnproven(peer) && isSilent(peer.area));
  }

  /** One after another, at the pace of the lane, rather than all at once. */
  function turnOf(peer: Peer): number {
    const longest = longestWait(peer);
    if (longest === LONGEST_WAIT_MS.due) return longest;
    peer.nextTurnAt = Math.max(now(), peer.nextTurnAt) + (isSlow(peer) ? (peer.lastMs ?? SLOW_MS) : SLOW_MS) / lane;
    return Math.min(peer.nextTurnAt - now(), longest);
  }

  function longestWait(peer: Peer): number {
    const { due, probing, silent, slow } = LONGEST_WAIT_MS;
    if (isSlow(peer)) return peer.lastMs === null || peer.failures !== null ? silent : slow;
    if (isSilent(peer.area)) return silent;
    return count(isHanging) > 0 ? probing : due;
  }

  function open(peer: Peer): Extract<Entry, { kind: 'go' }> {
    const visit: UnderWay = { peer, askedAt: null };
    const patienceMs = isUnproven(peer) && count(isHanging) > 0 ? PROBE_MS : null;
    const enlist = () => {
      for (const set of [peer.visits, visits]) {
        set.delete(visit); // last in line
        set.add(visit);
      }
    };
    enlist();
    return {
      kind: 'go',
      patienceMs,
      ask() {
        visit.askedAt = now();
        enlist();
      },
      answered(failure) {
        const since = visit.askedAt ?? now();
        if (failure === null && isUnproven(peer)) provenAt = now();
        stop(visit);
        peer.lastMs = now() - since;
        if (failure === null) {
          peer.failures = null;
          peer.lastOkAt = now();
          peer.area.lastOkAt = now();
          peer.area.lastOkAskedAt = Math.max(peer.area.lastOkAskedAt, since);
        } else {
          const before = peer.failures ?? { count: 0, since: now() }; // answers on their way were asked for before
          peer.failures = { count: before.count + 1, since: before.since, reason: failure };
        }
      },
      pause: () => stop(visit),
      [Symbol.dispose]() {
        stop(visit);
        peer.visits.delete(visit);
        visits.delete(visit);
      },
    };
  }

  function peerOf(key: string, areaName: string): Peer {
    const known = peers.get(key);
    if (known !== undefined) return known;
    const area = areas.get(areaName) ?? { lastOkAt: -Infinity, lastOkAskedAt: -Infinity, hungAt: -Infinity };
    areas.set(areaName, area);
    const peer = { ...UNKNOWN, area, visits: new Set<UnderWay>() };
    peers.set(key, peer);
    return peer;
  }

  return {
    enter(key, areaName) {
      noticeHanging();
      const peer = peerOf(key, areaName);
      const mayStart = room(peer) > 0;
      if (isFailing(peer.failures) && (peer.visits.size > 0 || !mayStart)) {
        return { kind: 'failing', reason: peer.failures.reason };
      }
      if (mayStart) return open(peer);
      return { kind: 'later', isFirstAnswerDue: longestWait(peer) === LONGEST_WAIT_MS.due, waitMs: turnOf(peer) };
    },
    wouldFailAlone(key) {
      const { failures, area } = peers.get(key) ?? UNKNOWN;
      return failures !== null && area !== null && area.lastOkAskedAt >= failures.since;
    },
  };
}

const UNKNOWN = { area: null, lastMs: null, lastOkAt: -Infinity, failures: null, nextTurnAt: 0 };

function isFailing(failures: Peer['failures']): failures is NonNullable<Peer['failures']> {
  return failures !== null && failures.count >= FAILING_AFTER;
}

/** Of those who ask. */
function oldestOf(visits: ReadonlySet<UnderWay>): Pick<UnderWay, 'askedAt'> {
  for (const visit of visits) if (visit.askedAt !== null) return visit;
  return { askedAt: null };
}
