import { classifySlotError } from './pacing/slot-errors.ts';
import type { HeldBack } from './pacing/bulkhead.ts';
import type { Lookup } from './cognito/user-directory.ts';
import type { Later, Slots } from './pacing/slots.ts';
import type { TakenSeed } from './take-seed.ts';

/** What becomes of a seed that may not ask now. It gives back the slot it may have. */
export async function holdBack(
  slots: Slots,
  seed: TakenSeed,
  entry: HeldBack,
): Promise<Later | Extract<Lookup, { kind: 'failed' }>> {
  try {
    await slots.leave(seed);
  } catch (cause) {
    return { kind: 'failed', reason: classifySlotError(cause), cause };
  }
  return entry.kind === 'later'
    ? { kind: 'paced', waitMs: entry.waitMs }
    : { kind: 'failed', reason: entry.reason, cause: 'others were not answered either' };
}
