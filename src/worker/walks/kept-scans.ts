import type { RunId } from '#shared/contract/ids.ts';
import type { DecisionPlace } from './decision-line.ts';
import { KEEP_MS, type KnownWalk, type WalkNews } from './walk-book.ts';
import type { QueuedWalk } from './walk-queue.ts';

/** What this process knows of the walk through a pool. */
export interface Scan {
  /** The newest run that it was begun for. */
  run: RunId;
  /** When it was wanted. */
  sinceMs: number;
  /** Walked, declined, somebody else's, or taking longer than a job should wait for it. */
  ready: Promise<void>;
  phase: Phase;
  /** What the other workers were told last. */
  told: { readonly kind: Phase['kind']; readonly atMs: number };
}

export type Phase =
  | { readonly kind: 'deciding'; readonly place: DecisionPlace }
  /** Behind the walks through other pools. */
  | { readonly kind: 'queued'; readonly place: QueuedWalk }
  | { readonly kind: 'walking'; readonly place: QueuedWalk }
  /** Another worker decides or walks. `comeBackAtMs`: when that should be over; `null`: it has not said so yet. */
  | { readonly kind: 'elsewhere'; readonly comeBackAtMs: number | null; readonly untilMs: number }
  /** `endedAtMs`: by the database's clock. */
  | { readonly kind: 'walked'; readonly endedAtMs: number; readonly untilMs: number }
  | { readonly kind: 'declined'; readonly untilMs: number; readonly alsoForNewRuns: boolean };

/** Until the ledger is asked again how far another worker is, which says so once a second. */
export const ASK_AGAIN = { fromMs: 50, toMs: 1_000 };

export function moveTo(scan: Scan, phase: Phase): void {
  if (scan.phase.kind === 'deciding') scan.phase.place[Symbol.dispose]();
  scan.phase = phase;
}

/** What the ledger says of a walk that is not this worker's; `null`: nothing yet. */
export function phaseOf(walk: KnownWalk | null, nowMs: number): Phase {
  const endedAtMs = walk?.endedAtMs ?? null;
  if (walk !== null && endedAtMs !== null) {
    const untilMs = nowMs + KEEP_MS - (walk.nowMs - endedAtMs);
    if (walk.phase === 'walked') return { kind: 'walked', endedAtMs, untilMs };
    return { kind: 'declined', alsoForNewRuns: walk.alsoForNewRuns, untilMs };
  }
  const leftMs = walk === null || walk.comeBackAtMs === null ? null : walk.comeBackAtMs - walk.nowMs;
  const askAgainMs = Math.min(ASK_AGAIN.toMs, Math.max(ASK_AGAIN.fromMs, leftMs ?? 0));
  return { kind: 'elsewhere', comeBackAtMs: leftMs === null ? null : nowMs + leftMs, untilMs: nowMs + askAgainMs };
}

/** What the other workers are to know of a walk of this one; `null`: they know it. */
export function newsOf(phase: Phase): Omit<WalkNews, 'pool' | 'run'> | null {
  switch (phase.kind) {
    case 'deciding': {
      const comeBackMs = phase.place.comeBackMs();
      return { phase: 'wanted', ...(comeBackMs !== null && { comeBackMs }) };
    }
    case 'queued':
    case 'walking':
      return { phase: phase.kind, comeBackMs: phase.place.comeBackMs() };
    case 'declined':
      return { phase: 'declined', alsoForNewRuns: phase.alsoForNewRuns };
    case 'walked':
    case 'elsewhere':
      return null;
    default:
      return phase satisfies never;
  }
}

/** By `poolKey`. */
export function createKeptScans(now: () => number) {
  const scans = new Map<string, Scan>();
  return {
    /** `undefined`: none, or it says nothing to this run any more. */
    use(key: string, run: RunId): Scan | undefined {
      const scan = scans.get(key);
      return scan === undefined || isOver(scan, now(), run) ? undefined : scan;
    },
    keep(key: string, scan: Scan): void {
      scans.set(key, scan);
    },
    /** Drops what is over. */
    sweep(): void {
      for (const [key, scan] of scans) if (isOver(scan, now())) scans.delete(key);
    },
  };
}

/**
 * A newer run looks for itself: it may want more of the pool, and people may have been created anew for it. Only after a
 * failure it has to wait like everybody.
 */
function isOver({ phase, run }: Scan, nowMs: number, newRun: RunId = run): boolean {
  switch (phase.kind) {
    case 'deciding':
    case 'queued':
    case 'walking':
      return false;
    case 'elsewhere':
      return nowMs >= phase.untilMs;
    case 'walked':
      return nowMs >= phase.untilMs || newRun > run;
    case 'declined':
      return nowMs >= phase.untilMs || (newRun > run && !phase.alsoForNewRuns);
    default:
      return phase satisfies never;
  }
}
