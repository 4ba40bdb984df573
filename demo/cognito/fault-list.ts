import { randomUUID } from 'node:crypto';
import { concerns, type Fault, type FaultKind, type FaultTarget } from './faults.ts';

/** What befalls one call. */
export interface Misfortune {
  readonly fault: Fault | undefined;
  readonly delayMs: number;
  readonly dateSkewMs: number;
}

export const NO_MISFORTUNE: Misfortune = { fault: undefined, delayMs: 0, dateSkewMs: 0 };

export interface FaultList {
  set(fault: Fault): string;
  clear(id: string): void;
  clearAll(): void;
  /** What happens to this call. It counts as one of the `times` of each fault that applies. */
  strike(call: FaultTarget): Misfortune;
}

interface SetFault {
  readonly fault: Fault;
  readonly setMs: number;
  readonly expiredKeys: Set<string>;
  applied: number;
}

export function createFaultList({ now, random }: { now: () => number; random: () => number }): FaultList {
  const faults = new Map<string, SetFault>();
  const seenKeys = new Map<string, Set<string>>(); // by pool; '' for calls without one

  function applies({ fault, setMs, expiredKeys, applied }: SetFault, call: FaultTarget): boolean {
    if (!concerns(fault, call)) return false;
    if (fault.times !== undefined && applied >= fault.times) return false;
    if (fault.untilMs !== undefined && now() - setMs >= fault.untilMs) return false;
    if (fault.probability !== undefined && random() >= fault.probability) return false;
    if (fault.kind !== 'expired-token') return true;
    if (expiredKeys.size === 0) expiredKeys.add(call.accessKeyId); // nobody had called before: the first one is it
    return expiredKeys.has(call.accessKeyId);
  }

  function keysSeen(pool: string | undefined): Set<string> {
    if (pool !== undefined) return new Set(seenKeys.get(pool));
    return new Set([...seenKeys.values()].map((keys) => [...keys]).flat());
  }

  return {
    set(fault) {
      const id = fault.id ?? randomUUID();
      const expiredKeys = keysSeen(fault.pool);
      faults.set(id, { fault: { ...fault, id }, setMs: now(), expiredKeys, applied: 0 });
      return id;
    },
    clear: (id) => void faults.delete(id),
    clearAll: () => faults.clear(),
    strike(call) {
      const seen = seenKeys.get(call.pool ?? '') ?? new Set<string>();
      seenKeys.set(call.pool ?? '', seen.add(call.accessKeyId));

      const applying: SetFault[] = [];
      for (const set of faults.values()) {
        const taken = !addsUp(set) && applying.some((other) => !addsUp(other));
        if (!taken && applies(set, call)) applying.push(set);
      }
      for (const set of applying) set.applied += 1;
      return {
        fault: applying.find((set) => !addsUp(set))?.fault,
        delayMs: totalMs(applying, 'latency'),
        dateSkewMs: totalMs(applying, 'skewed-date'),
      };
    },
  };
}

function addsUp({ fault: { kind } }: SetFault): boolean {
  return kind === 'latency' || kind === 'skewed-date';
}

function totalMs(applying: readonly SetFault[], kind: FaultKind): number {
  return applying.reduce((total, { fault }) => (fault.kind === kind ? total + (fault.ms ?? 0) : total), 0);
}
