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
  /**
   * What happens to this call: the fault that was set first, so that two with `times` happen one after the other, plus
   * all latencies and skews. Only faults that happen use up their `times`.
   */
  strike(call: FaultTarget): Misfortune;
}

interface SetFault {
  readonly fault: Fault;
  readonly setMs: number;
  /** `expired-token`: the keys that are refused, those seen before it was set or else the first that comes. */
  readonly expiredKeys: Set<string>;
  applied: number;
}

export function createFaultList({ now, random }: { now: () => number; random: () => number }): FaultList {
  const faults = new Map<string, SetFault>();
  const seenCallers = new Map<string, FaultTarget>(); // one per operation, pool and key

  function applies({ fault, setMs, expiredKeys, applied }: SetFault, call: FaultTarget): boolean {
    if (!concerns(fault, call)) return false;
    if (fault.times !== undefined && applied >= fault.times) return false;
    if (fault.untilMs !== undefined && now() - setMs >= fault.untilMs) return false;
    if (fault.probability !== undefined && random() >= fault.probability) return false;
    if (fault.kind !== 'expired-token') return true;
    if (expiredKeys.size === 0) expiredKeys.add(call.accessKeyId);
    return expiredKeys.has(call.accessKeyId);
  }

  return {
    set(fault) {
      const id = fault.id ?? randomUUID();
      const { email: _, ...anyEmail } = fault; // a token expires for every email
      const callers = [...seenCallers.values()].filter((caller) => concerns(anyEmail, caller));
      const expiredKeys = new Set(callers.map(({ accessKeyId }) => accessKeyId));
      faults.set(id, { fault: { ...fault, id }, setMs: now(), expiredKeys, applied: 0 });
      return id;
    },
    clear: (id) => void faults.delete(id),
    clearAll: () => faults.clear(),
    strike(call) {
      const { operation, pool, accessKeyId } = call;
      seenCallers.set(`${operation} ${pool} ${accessKeyId}`, { operation, pool, accessKeyId });
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
