import { setTimeout as sleep } from 'node:timers/promises';

export interface PeriodicOptions {
  /** Between two rounds; asked after each. */
  pauseMs(): number;
  work(signal: AbortSignal): Promise<void>;
  failed(error: unknown): void;
}

/** Works, then pauses, until it is disposed of; disposing waits for the round under way. Rounds never overlap. */
export function startPeriodic({ pauseMs, work, failed }: PeriodicOptions): AsyncDisposable {
  const stop = new AbortController();
  const running = run();

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await work(stop.signal).catch(failed);
      await sleep(pauseMs(), undefined, { signal: stop.signal, ref: false }).catch(() => {}); // aborted: the loop ends
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
