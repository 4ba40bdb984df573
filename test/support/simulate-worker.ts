import { createBulkhead } from '../../src/worker/pacing/bulkhead.ts';

export interface SimulatedPeer {
  readonly name: string;
  readonly area: string;
  readonly seeds: number;
  readonly latencyMs: number;
  /** From when on nothing is answered. */
  readonly hangsFromMs?: number;
  /** When its seeds come. */
  readonly fromMs?: number;
}

interface SimulatedJob {
  readonly peer: SimulatedPeer;
  readonly priority: number;
  readonly tries: number;
  readonly dueAt: number;
}

/** By then a request to Cognito is given up. */
export const DEADLINE_MS = 5_000;
/** What a job that is held back costs. */
const PICKED_UP_MS = 2;
const LONGEST_MS = 120_000;

/**
 * The slots of a worker behind its bulkhead and a queue in which tenants take turns, by a clock of its own. Returns when
 * the last seed of each peer was answered; over when all that answer are done.
 */
export function simulateWorker(concurrency: number, peers: readonly SimulatedPeer[]): Readonly<Record<string, number>> {
  let clock = 0;
  const bulkhead = createBulkhead({ concurrency, now: () => clock });
  const jobs = new Set<SimulatedJob>();
  const slots = new Set<{ readonly until: number; free(): void }>();
  const doneAt: Record<string, number> = {};
  let missing = 0;

  for (const peer of peers) {
    const { seeds, fromMs: dueAt = 0 } = peer;
    if (!hangsAtLast(peer)) missing += seeds;
    for (let priority = 0; priority < seeds; priority += 1) jobs.add({ peer, priority, tries: 0, dueAt });
  }

  const postpone = (job: SimulatedJob, ms: number) => void jobs.add({ ...job, dueAt: clock + ms });
  /** In the middle of what the jitter makes of it, and behind all that is new. */
  const retry = ({ peer, tries }: SimulatedJob) =>
    postpone({ peer, tries: tries + 1, priority: 1_000 + tries, dueAt: 0 }, 500 * 2 ** tries);

  function work(job: SimulatedJob): void {
    const { name, area, latencyMs, hangsFromMs = Infinity } = job.peer;
    const entry = bulkhead.enter(name, area);
    if (entry.kind !== 'go') {
      const free = () => (entry.kind === 'later' ? postpone(job, entry.waitMs) : retry(job));
      slots.add({ until: clock + PICKED_UP_MS, free });
      return;
    }
    entry.ask();
    const answerMs = clock < hangsFromMs ? latencyMs : Infinity;
    const patienceMs = entry.patienceMs ?? DEADLINE_MS;
    slots.add({
      until: clock + Math.min(answerMs, patienceMs),
      free() {
        const isAnswered = answerMs <= patienceMs;
        entry.answered(isAnswered ? null : 'timeout');
        entry[Symbol.dispose]();
        if (isAnswered && !hangsAtLast(job.peer)) missing -= 1;
        if (isAnswered) doneAt[name] = clock;
        else if (entry.patienceMs === null) retry(job);
        else postpone(job, entry.patienceMs);
      },
    });
  }

  for (; missing > 0 && clock < LONGEST_MS; clock += 1) {
    for (const slot of slots) {
      if (slot.until > clock) continue;
      slots.delete(slot);
      slot.free();
    }
    while (slots.size < concurrency) {
      const job = firstDue(jobs, clock);
      if (job === null) break;
      jobs.delete(job);
      work(job);
    }
  }
  return doneAt;
}

function hangsAtLast({ latencyMs, hangsFromMs }: SimulatedPeer): boolean {
  return latencyMs === Infinity || hangsFromMs !== undefined;
}

function firstDue(jobs: ReadonlySet<SimulatedJob>, now: number): SimulatedJob | null {
  let first: SimulatedJob | null = null;
  for (const job of jobs) if (job.dueAt <= now && (first === null || job.priority < first.priority)) first = job;
  return first;
}
