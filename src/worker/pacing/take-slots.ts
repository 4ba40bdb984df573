import { setTimeout as sleep } from 'node:timers/promises';
import { SlotTooFar, type PaceOptions } from '../cognito/pace.ts';
import { PACE, type Budget, type SlotBook } from './slot-book.ts';

/** Less would ask for the same slot over and over; slots are given out for longer ahead, so none passes. */
const ASK_AGAIN_MS = 100;
/** Being put away and picked up again costs more than most waits. */
const COME_BACK_MS = 1_000;

/**
 * Slots for what cannot be parked. Who waits for one stands in line: so each process has one question about a domain under
 * way, not one for each of a thousand pools, and whoever came first goes first.
 */
export function createSlotTaker(book: Pick<SlotBook, 'take'>) {
  const lines = new Map<string, Promise<void>>();

  return async (budget: Budget, { signal, patienceMs }: PaceOptions): Promise<void> => {
    const waitMs = await (patienceMs === undefined ? inLine(budget, signal) : atOnce(budget, patienceMs));
    await sleep(waitMs, undefined, { signal });
  };

  async function atOnce(budget: Budget, patienceMs: number): Promise<number> {
    const slot = await book.take(budget, Math.min(patienceMs, PACE.horizon));
    if (slot.kind === 'taken') return slot.waitMs;
    throw new SlotTooFar(Math.max(COME_BACK_MS, slot.askAgainMs));
  }

  async function inLine(budget: Budget, signal: AbortSignal): Promise<number> {
    const { domain } = budget;
    const before = lines.get(domain) ?? Promise.resolve();
    const done = Promise.withResolvers<void>();
    const mine = before.then(() => done.promise);
    lines.set(domain, mine);
    try {
      await untilAborted(before, signal);
      for (;;) {
        const slot = await book.take(budget, PACE.horizon);
        if (slot.kind === 'taken') return slot.waitMs;
        await sleep(Math.max(ASK_AGAIN_MS, slot.askAgainMs), undefined, { signal });
      }
    } finally {
      done.resolve();
      if (lines.get(domain) === mine) lines.delete(domain);
    }
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
