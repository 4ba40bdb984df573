import type { WalkPlan } from './break-even.ts';

/** A pool that somebody wants to walk through. */
export interface WalkOrder {
  /** Whose quota the pages use. */
  readonly domain: string;
  /** Whose quota the lookups would use. */
  readonly lookupDomain: string;
  readonly seeds: number;
  readonly plan: WalkPlan;
}

/** A place in the queue, until it is disposed of. */
export interface QueuedWalk extends Disposable {
  /** Resolves when those before it are through, or it was given up. */
  readonly turn: Promise<void>;
  readonly isFirst: boolean;
  /** It waits for longer than anybody could foresee: looking everybody up would have been done by now. */
  isLate(): boolean;
  begin(): void;
  turned(pages: number): void;
  /** Until whoever wants somebody of this pool should come back. */
  comeBackMs(): number;
}

export interface WalkQueue {
  /** `null`: looking everybody up is done sooner than this walk would be, with all those before it. */
  enter(order: WalkOrder): QueuedWalk | null;
  /** Forgets what was looked up instead, and must be done by now. */
  sweep(): void;
}

/** Some tens of milliseconds are what a delayed job costs; a walk that ends early should not be waited for in vain. */
const COME_BACK = { fromMs: 50, toMs: 2_000 };
/** Unless many wait: 250 pickups a second that find nothing new are enough, but an estimate is no more than that. */
const MANY = { msPerSeed: 4, toMs: 15_000 };
/** Walks take longer where turns have their part of the quota, or a pool slows down. */
const SLACK_MS = 5_000;

interface Place extends WalkOrder {
  begunAtMs: number | null;
  pages: number;
}

interface LookedUp {
  readonly lookupDomain: string;
  readonly lookupsMs: number;
  readonly untilMs: number;
}

/**
 * One walk at a time in each domain: its pages come one after another anyway, so many at once would only all end late. A pool
 * that would wait for longer than its lookups take is looked up instead, which uses the slots that the walk leaves. Lookups
 * take turns with those of the other pools, so the more are looked up already, the longer a queue is worth its while.
 */
export function createWalkQueue(now: () => number): WalkQueue {
  const queues = new Map<string, Place[]>(); // the first of each walks
  const turns = new WeakMap<Place, () => void>();
  let lookedUp: LookedUp[] = [];

  /** As it looks now; `by` included. */
  function leftMs(by: Place): number {
    const queue = queues.get(by.domain) ?? [];
    const before = queue.slice(0, queue.indexOf(by));
    return before.reduce((sum, place) => sum + foreseenMs(place), ownMs(by));
  }

  /** Before its first page nothing is known but the plan. */
  function foreseenMs(place: Place): number {
    return place.pages === 0 ? Math.max(place.plan.expectedMs, ownMs(place)) : ownMs(place);
  }

  function ownMs({ plan, pages, begunAtMs }: Place): number {
    if (begunAtMs === null) return plan.expectedMs;
    const left = Math.max(1, plan.expectedPages - pages);
    return (left * (now() - begunAtMs)) / Math.max(1, pages);
  }

  /** If they were looked up from now on, in turn with the others. */
  function lookupsMs({ plan, lookupDomain }: WalkOrder): number {
    const others = lookedUp.filter((other) => other.lookupDomain === lookupDomain && other.untilMs > now());
    return others.reduce((sum, other) => sum + Math.min(other.lookupsMs, plan.lookupsMs), plan.lookupsMs);
  }

  return {
    enter(order) {
      const place: Place = { ...order, begunAtMs: null, pages: 0 };
      const queue = queues.get(order.domain) ?? [];
      const inTurnMs = lookupsMs(order);
      queues.set(order.domain, [...queue, place]);
      const isFirst = queue.length === 0;
      if (!isFirst && leftMs(place) > inTurnMs + SLACK_MS) {
        leave(place);
        lookedUp.push({ ...order, lookupsMs: order.plan.lookupsMs, untilMs: now() + inTurnMs });
        return null;
      }
      const { promise: turn, resolve } = Promise.withResolvers<void>();
      turns.set(place, resolve);
      if (isFirst) resolve();
      const lateAtMs = now() + inTurnMs + 2 * SLACK_MS;
      return {
        turn,
        isFirst,
        isLate: () => now() > lateAtMs,
        begin: () => void (place.begunAtMs = now()),
        turned: (pages) => void (place.pages = pages),
        comeBackMs() {
          if (!isQueued(place)) return COME_BACK.fromMs; // it is through
          const seeds = (queues.get(order.domain) ?? []).reduce((sum, other) => sum + other.seeds, 0);
          const toMs = Math.max(COME_BACK.toMs, Math.min(MANY.toMs, seeds * MANY.msPerSeed));
          return Math.min(toMs, Math.max(COME_BACK.fromMs, Math.ceil(leftMs(place))));
        },
        [Symbol.dispose]: () => leave(place),
      };
    },
    sweep() {
      lookedUp = lookedUp.filter(({ untilMs }) => untilMs > now());
    },
  };

  function isQueued(place: Place): boolean {
    return (queues.get(place.domain) ?? []).includes(place);
  }

  function leave(place: Place): void {
    turns.get(place)?.(); // whoever gave up before its turn waits for it no longer
    const left = (queues.get(place.domain) ?? []).filter((other) => other !== place);
    if (left.length === 0) queues.delete(place.domain);
    else queues.set(place.domain, left);
    const [first] = left;
    if (first !== undefined) turns.get(first)?.();
  }
}
