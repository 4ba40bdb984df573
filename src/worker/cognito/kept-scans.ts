import type { RunId, TenantId } from '#shared/contract/ids.ts';
import type { ClearUsers } from './walk-pool.ts';
import type { QueuedWalk } from './walk-queue.ts';

export interface Scan {
  /** The newest run that it was begun for. */
  readonly run: RunId;
  /** Who was changed before that is seen as changed. */
  readonly begunAtMs: number;
  /** Who wants somebody of it. */
  readonly tenants: Set<TenantId>;
  /** Walked, declined, or taking longer than a job should wait for it. */
  ready: Promise<void>;
  phase: Phase;
}

export type Phase =
  | { readonly kind: 'deciding'; readonly sinceMs: number }
  /** Behind the walks through other pools. */
  | { readonly kind: 'queued'; readonly place: QueuedWalk }
  | { readonly kind: 'walking'; readonly place: QueuedWalk; users: number }
  | { readonly kind: 'walked'; readonly users: ClearUsers; readonly untilMs: number }
  | { readonly kind: 'declined'; readonly untilMs: number; readonly alsoForNewRuns: boolean };

export interface KeptScansOptions {
  /** Over all pools. */
  readonly maxUsers: number;
  now(): number;
}

/** What this process knows of whole pools. It is emails of people, so it is bounded in number and in time. */
export function createKeptScans({ maxUsers, now }: KeptScansOptions) {
  const scans = new Map<string, Scan>(); // the least recently used first

  function users(): number {
    let sum = 0;
    for (const { phase } of scans.values()) sum += usersOf(phase);
    return sum;
  }

  function sweep(): void {
    for (const [key, scan] of scans) if (isOver(scan, now())) scans.delete(key);
  }

  return {
    users,
    /** `undefined`: none, or it says nothing to this run any more. */
    use(key: string, run: RunId): Scan | undefined {
      const scan = scans.get(key);
      if (scan === undefined || isOver(scan, now(), run)) return undefined;
      scans.delete(key);
      scans.set(key, scan);
      return scan;
    },
    keep(key: string, scan: Scan): void {
      scans.delete(key);
      scans.set(key, scan);
    },
    /** `false`: what is walked through at this moment needs it all. */
    makeRoom(wanted: number): boolean {
      sweep();
      let kept = wanted + users();
      for (const [key, { phase }] of scans) {
        if (kept <= maxUsers) break;
        if (phase.kind !== 'walked') continue;
        scans.delete(key);
        kept -= usersOf(phase);
      }
      return kept <= maxUsers;
    },
    /** Drops what is over. */
    sweep,
  };
}

function usersOf(phase: Phase): number {
  if (phase.kind === 'walked') return phase.users.size;
  return phase.kind === 'walking' ? phase.users : 0;
}

/**
 * A newer run looks for itself: it may want more of the pool, and people may have been created anew for it. Only after a
 * failure it has to wait like everybody.
 */
function isOver({ phase, run }: Scan, nowMs: number, newRun: RunId = run): boolean {
  if (phase.kind !== 'walked' && phase.kind !== 'declined') return false;
  return nowMs >= phase.untilMs || (newRun > run && !(phase.kind === 'declined' && phase.alsoForNewRuns));
}
