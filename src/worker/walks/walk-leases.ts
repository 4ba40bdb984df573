import { createMicroBatch } from '../batching/micro-batch.ts';
import { isDatabaseAway } from '../grants/database-errors.ts';
import { LEASE_MS, type KnownWalk, type WalkBook } from './walk-book.ts';

export interface WalkLeasesDeps {
  readonly book: Pick<WalkBook, 'hold' | 'open' | 'release'>;
  readonly worker: string;
  now(): number;
}

/** Well before others take it for gone. */
const RENEW_AFTER_MS = LEASE_MS / 3;
/** Once nothing is left to walk through: what comes next goes to whoever meets it first. */
const IDLE_MS = 5_000;

interface Lease {
  renewedAtMs: number;
  /** When something was wanted there. */
  usedAtMs: number;
}

/** In which domains this worker is the one who walks. */
export function createWalkLeases({ book, worker, now }: WalkLeasesDeps) {
  const held = new Map<string, Lease>();
  const hold = createMicroBatch<string, boolean, 'all'>({
    laneOf: () => 'all',
    keysOf: () => [],
    async run(domains) {
      const taken = await book.hold(worker, [...new Set(domains)]);
      for (const domain of taken) held.set(domain, { renewedAtMs: now(), usedAtMs: now() });
      return domains.map((domain) => taken.includes(domain));
    },
    failsAlike: isDatabaseAway,
  });

  async function holdOn(domains: readonly string[]): Promise<void> {
    if (domains.length === 0) return;
    const renewed = new Set(await book.hold(worker, domains));
    for (const domain of domains) {
      const lease = held.get(domain);
      if (!renewed.has(domain)) held.delete(domain);
      else if (lease !== undefined) lease.renewedAtMs = now();
    }
  }

  function use(domain: string): boolean {
    const lease = held.get(domain);
    if (lease !== undefined) lease.usedAtMs = now();
    return lease !== undefined;
  }

  function domainsWhere(condition: (lease: Lease) => boolean): string[] {
    return [...held].filter(([, lease]) => condition(lease)).map(([domain]) => domain);
  }

  return {
    /** Whether this worker walks in the domain from now on. `walker`: who did so a moment ago; `null`: nobody. */
    async take(domain: string, walker: string | null): Promise<boolean> {
      if (use(domain)) return true;
      return (walker === null || walker === worker) && hold(domain);
    },
    /**
     * Keeps them, but for those where nothing is left to do, and returns what is wanted there. When the ledger does not answer
     * they are given up, as others may have them by the time it does.
     */
    async renew(): Promise<readonly KnownWalk[]> {
      try {
        await holdOn(domainsWhere(({ renewedAtMs }) => now() >= renewedAtMs + RENEW_AFTER_MS));
        if (held.size === 0) return [];
        const wanted = await book.open([...held.keys()]);
        for (const { domain } of wanted) use(domain);
        const idle = domainsWhere(({ usedAtMs }) => now() >= usedAtMs + IDLE_MS);
        for (const domain of idle) held.delete(domain);
        if (idle.length > 0) await book.release(worker, idle);
        return wanted;
      } catch (error) {
        held.clear();
        throw error;
      }
    },
    async release(): Promise<void> {
      if (held.size > 0) await book.release(worker, [...held.keys()]).catch(() => {}); // they lapse by themselves
      held.clear();
    },
  };
}
