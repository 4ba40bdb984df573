export interface MicroBatchOptions<Item, Result, Lane extends string> {
  /** Batches are made per lane, and no lane waits for another. */
  laneOf(item: Item): Lane;
  /** No two items of a batch share a key: the later one goes into a later batch. */
  keysOf(item: Item): readonly string[];
  /** For many items at once: a result for each, in their order, or an error, and then nothing was done. */
  run(items: readonly Item[], lane: Lane): Promise<readonly Result[]>;
  /** An error that each item would meet alone as well: trying them apart is in vain. */
  failsAlike(error: unknown): boolean;
  readonly limits?: MicroBatchLimits;
}

export interface MicroBatchLimits {
  readonly maxItems: number;
  /** How long an item waits for company. */
  readonly maxDelayMs: number;
  /** Of one lane. While so many are under way, the next one fills. */
  readonly maxUnderWay: number;
}

/**
 * What a batch saves is round trips and commits, and most of that is saved by a dozen items: 100 bound what one failure
 * undoes. With two under way, one is prepared while PostgreSQL works on the other; with more, each would be smaller.
 */
const LIMITS: MicroBatchLimits = { maxItems: 100, maxDelayMs: 2, maxUnderWay: 2 };

interface Waiting<Item, Result> {
  readonly item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface LaneState<Item, Result> {
  waiting: Waiting<Item, Result>[];
  underWay: number;
  /** `undefined`: nobody waits, or somebody has waited long enough. */
  delay: NodeJS.Timeout | undefined;
}

/**
 * Does for many callers at once what each asks for alone, and answers each for itself. What fails for a batch is tried
 * again for its halves, down to the item that is at fault: it fails alone.
 */
export function createMicroBatch<Item, Result, Lane extends string>(
  options: MicroBatchOptions<Item, Result, Lane>,
): (item: Item) => Promise<Result> {
  const { laneOf, keysOf, run, failsAlike, limits = LIMITS } = options;
  const lanes = new Map<Lane, LaneState<Item, Result>>();

  function add(name: Lane, added: Waiting<Item, Result>): void {
    const lane = lanes.get(name) ?? { waiting: [], underWay: 0, delay: undefined };
    lanes.set(name, lane);
    if (lane.waiting.length === 0) {
      lane.delay = setTimeout(() => {
        lane.delay = undefined;
        startDue(name, lane);
      }, limits.maxDelayMs);
    }
    lane.waiting.push(added);
    startDue(name, lane);
  }

  function startDue(name: Lane, lane: LaneState<Item, Result>): void {
    while (lane.waiting.length > 0 && lane.underWay < limits.maxUnderWay) {
      if (lane.waiting.length < limits.maxItems && lane.delay !== undefined) return;
      const { batch, rest } = takeBatch(lane.waiting);
      lane.waiting = rest;
      if (lane.waiting.length === 0) clearTimeout(lane.delay);
      lane.underWay += 1;
      void answer(name, batch, () => {
        lane.underWay -= 1;
        startDue(name, lane);
      });
    }
    if (lane.waiting.length === 0 && lane.underWay === 0) lanes.delete(name);
  }

  function takeBatch(waiting: readonly Waiting<Item, Result>[]) {
    const batch: Waiting<Item, Result>[] = [];
    const rest: Waiting<Item, Result>[] = [];
    const seen = new Set<string>(); // also of those left behind: what shares a key keeps its order
    for (const each of waiting) {
      const keys = keysOf(each.item);
      const fits = batch.length < limits.maxItems && keys.every((key) => !seen.has(key));
      (fits ? batch : rest).push(each);
      for (const key of keys) seen.add(key);
    }
    return { batch, rest };
  }

  /** `tried`: from here on the lane goes on. What hangs among the parts of a failed batch holds up nobody else. */
  async function answer(name: Lane, batch: readonly Waiting<Item, Result>[], tried: () => void): Promise<void> {
    try {
      const items = batch.map(({ item }) => item);
      const results = await run(items, name).finally(tried);
      for (const [at, { resolve }] of batch.entries()) resolve(results[at] as Result); // there is one for each
    } catch (error) {
      if (batch.length === 1 || failsAlike(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const middle = Math.ceil(batch.length / 2);
      const halves = [batch.slice(0, middle), batch.slice(middle)];
      await Promise.all(halves.map((half) => answer(name, half, () => {})));
    }
  }

  return (item) => new Promise((resolve, reject) => add(laneOf(item), { item, resolve, reject }));
}
