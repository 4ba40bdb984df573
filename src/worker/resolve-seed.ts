import { poolKey, type Lookup, type UserDirectory } from './cognito/user-directory.ts';
import { holdBack } from './hold-back.ts';
import { budgetOf } from './pacing/pacing-budget.ts';
import type { PoolGuard } from './pacing/pool-guard.ts';
import { classifySlotError } from './pacing/slot-errors.ts';
import type { Later, Slots } from './pacing/slots.ts';
import type { TakenSeed } from './take-seed.ts';
import type { PoolWalks } from './walks/pool-walks.ts';

/** What is known of a seed's email, or when it may be asked for. */
export type Resolution = Lookup | Later;

export interface ResolveDeps {
  readonly walks: Pick<PoolWalks, 'look'>;
  readonly directory: UserDirectory;
  readonly guard: PoolGuard;
  readonly slots: Slots;
}

/** Asks Cognito who a seed is, when it is its turn, unless somebody who walked through its whole pool knows. */
export async function resolveSeed(deps: ResolveDeps, seed: TakenSeed, signal: AbortSignal): Promise<Resolution> {
  try {
    const seen = await deps.walks.look(seed);
    if (seen === null) return await resolveInTurn(deps, seed, signal);
    await deps.slots.leaveIfCrowded(seed); // it may wait for its turn since before the walk
    return seen;
  } catch (cause) {
    return { kind: 'failed', reason: classifySlotError(cause), cause };
  }
}

async function resolveInTurn(
  { directory, guard, slots }: Omit<ResolveDeps, 'walks'>,
  seed: TakenSeed,
  signal: AbortSignal,
): Promise<Resolution> {
  const { userPool, email } = seed;
  const entry = guard.enter(poolKey(userPool), budgetOf(userPool, userPool.lookup).domain);
  if (entry.kind !== 'go') {
    // Most likely it will be asked, so it may get its slot or its turn at once, rather than come back for nothing but that.
    const later = entry.kind === 'later' && entry.isFirstAnswerDue ? await slots.reserve(seed, signal) : null;
    return later ?? holdBack(slots, seed, entry);
  }
  using visit = entry;
  await directory.prepare(userPool); // first, as a slot is for one moment: fetching credentials takes longer
  const later = await slots.reserve(seed, signal);
  if (later !== null) return later;
  const { patienceMs } = visit;
  const patience = patienceMs === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const lookup = await directory.find(email, userPool, patience);
  if (lookup.kind === 'paced') return lookup;
  visit.answered(lookup);
  const isCutShort = patienceMs !== null && lookup.kind === 'failed' && patience.aborted && !signal.aborted;
  return isCutShort ? { kind: 'paced', waitMs: patienceMs } : lookup;
}
