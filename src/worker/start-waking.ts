import { startPeriodic } from './upkeep/start-periodic.ts';

export interface WakingOptions {
  /** One round. `true`: somebody waits still. */
  wake(): Promise<boolean>;
  failed(error: unknown): void;
}

export interface Waking extends AsyncDisposable {
  /** Somebody waits from now on, or needs to no longer. */
  hurry(): void;
}

/** Several times within the horizon of the slots, so that none passes unused. */
const WAKE_EVERY_MS = 100;
/** While this worker knows of nobody who waits. */
const LOOK_FOR_PARKED_EVERY_MS = 1_000;

/** Wakes who waits for a turn, round after round: quickly while it knows of somebody, and at once when there is a first one. */
export function startWaking({ wake, failed }: WakingOptions): Waking {
  let quick = false;
  let hurried = false;
  const rounds = startPeriodic({
    pauseMs: () => (quick ? WAKE_EVERY_MS : LOOK_FOR_PARKED_EVERY_MS),
    failed,
    async work() {
      hurried = false;
      let waiting = false; // also when it fails: at the quick pace an outage would fill the log
      try {
        waiting = await wake();
      } finally {
        quick = waiting || hurried;
      }
    },
  });

  return {
    hurry() {
      hurried = true;
      if (quick) return;
      quick = true;
      rounds.hurry();
    },
    [Symbol.asyncDispose]: () => rounds[Symbol.asyncDispose](),
  };
}
