import { setTimeout as sleep } from 'node:timers/promises';

export interface PeriodicOptions {
  /** Between two rounds; asked after each. */
  pauseMs(): number;
  work(signal: AbortSignal): Promise<void>;
  failed(error: unknown): void;
}

export interface Periodic extends AsyncDisposable {
  /** Ends the pause. In the middle of a round there is none after it, as that round may have looked too early. */
  hurry(): void;
}

/** Works, then pauses, until it is disposed of; disposing waits for the round under way. Rounds never overlap. */
export function startPeriodic({ pauseMs, work, failed }: PeriodicOptions): Periodic {
  const stop = new AbortController();
  let hurried = new AbortController();
  const running = run();

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      hurried = new AbortController();
      await work(stop.signal).catch(failed);
      const signal = AbortSignal.any([stop.signal, hurried.signal]);
      await sleep(pauseMs(), undefined, { signal, ref: false }).catch(() => {}); // aborted: there is no pause
    }
  }

  return {
    hurry: () => hurried.abort(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
