import { COGNITO_OPERATIONS, type CognitoOperation, type Operation } from './call.ts';

/** What was asked since the start or the last reset. */
export interface Counts {
  /** Every call that could be read, also those that failed or were throttled. */
  readonly calls: Readonly<Record<Operation, number>>;
  readonly throttled: Readonly<Record<CognitoOperation, number>>;
  readonly byPool: Readonly<Record<string, number>>;
  /** By the email of the filter or the username, in lower case. */
  readonly byEmail: Readonly<Record<string, number>>;
  /** The most calls within any one second, by `<account>/<region>` and operation. */
  readonly maxPerSecond: Readonly<Record<string, Readonly<Record<CognitoOperation, number>>>>;
}

export interface CountedCall {
  readonly operation: Operation;
  readonly pool?: string | undefined;
  readonly email?: string | undefined;
  readonly accountRegion?: string;
}

export interface Counter {
  count(call: CountedCall): void;
  countThrottled(operation: CognitoOperation): void;
  read(): Counts;
  reset(): void;
}

export function createCounter(now: () => number): Counter {
  let tally = emptyTally();
  return {
    count({ operation, pool, email, accountRegion }) {
      tally.calls[operation] += 1;
      if (pool !== undefined) tally.byPool.set(pool, (tally.byPool.get(pool) ?? 0) + 1);
      if (email !== undefined) tally.byEmail.set(email, (tally.byEmail.get(email) ?? 0) + 1);
      if (operation === 'AssumeRole' || accountRegion === undefined) return;
      const key = `${accountRegion} ${operation}`;
      const window = tally.windows.get(key) ?? { times: [], max: 0 };
      tally.windows.set(key, countInWindow(window, now()));
    },
    countThrottled(operation) {
      tally.throttled[operation] += 1;
    },
    read() {
      const accountRegions = new Set([...tally.windows.keys()].map((key) => key.slice(0, key.lastIndexOf(' '))));
      const peaks = [...accountRegions].map((accountRegion) => {
        const peak = (operation: CognitoOperation) => tally.windows.get(`${accountRegion} ${operation}`)?.max ?? 0;
        return [accountRegion, byOperation(peak)] as const;
      });
      return {
        calls: { ...tally.calls },
        throttled: { ...tally.throttled },
        byPool: Object.fromEntries(tally.byPool),
        byEmail: Object.fromEntries(tally.byEmail),
        maxPerSecond: Object.fromEntries(peaks),
      };
    },
    reset() {
      tally = emptyTally();
    },
  };
}

interface Window {
  readonly times: number[];
  readonly max: number;
}

/** A sliding window: AWS counts in seconds of its own, so any second may be the one it looks at. */
function countInWindow({ times, max }: Window, nowMs: number): Window {
  times.push(nowMs);
  while (nowMs - (times[0] ?? nowMs) >= 1000) times.shift();
  return { times, max: Math.max(max, times.length) };
}

function emptyTally() {
  return {
    calls: { ...byOperation(() => 0), AssumeRole: 0 },
    throttled: byOperation(() => 0),
    byPool: new Map<string, number>(),
    byEmail: new Map<string, number>(),
    windows: new Map<string, Window>(),
  };
}

function byOperation(valueOf: (operation: CognitoOperation) => number): Record<CognitoOperation, number> {
  // fromEntries cannot know that every operation is there.
  return Object.fromEntries(COGNITO_OPERATIONS.map((name) => [name, valueOf(name)])) as Record<
    CognitoOperation,
    number
  >;
}
