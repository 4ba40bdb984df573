import { setTimeout as sleep } from 'node:timers/promises';
import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { CognitoOperation, Pace } from '../cognito/pace.ts';
import type { UserPool } from '../cognito/user-directory.ts';
import type { DomainBudgets } from './domain-budgets.ts';
import { budgetOf, isUnpaced } from './pacing-budget.ts';
import { PACE, type SlotBook } from './slot-book.ts';
import { createSlotTaker } from './take-slots.ts';

export interface PacedSeed {
  readonly id: SeedId;
  readonly run: RunId;
  readonly tenant: TenantId;
  readonly userPool: UserPool;
}

export interface Slots {
  /** `null`: the slot is now, and this seed's. */
  reserve(seed: PacedSeed, signal: AbortSignal): Promise<Later | null>;
  /** It will not ask for now, whatever it has reserved. */
  leave(seed: PacedSeed): Promise<void>;
  /** The same for many that hardly ever have: where this process had nobody wait lately, they are not looked for. */
  leaveIfCrowded(seed: PacedSeed): Promise<void>;
  /** Somebody else uses this quota too. `true`: all of it, as far as it can be told. */
  slowDown(pool: UserPool, operation: CognitoOperation): Promise<boolean>;
  readonly pace: Pace;
}

export interface Later {
  readonly kind: 'paced';
  readonly waitMs: number;
  /** Where it waits for its turn; somebody wakes it. Absent: it comes back by itself. */
  readonly domain?: string;
}

/** The quota's slots, as the lookups of one process see them. */
export function createSlots(book: SlotBook, budgets: DomainBudgets, now: () => number): Slots {
  const take = createSlotTaker(book);
  const crowdedAt = new Map<string, number>();

  async function leave({ id, run, tenant, userPool }: PacedSeed): Promise<void> {
    const budget = await budgets(userPool, userPool.lookup, run);
    if (!isUnpaced(budget)) await book.leave([{ domain: budget.domain, run, seedId: id, tenant }]);
  }

  return {
    async reserve({ id, run, tenant, userPool }, signal) {
      const budget = await budgets(userPool, userPool.lookup, run);
      if (isUnpaced(budget)) return null;
      const slot = await book.reserve(budget, { run, seedId: id, tenant });
      if (slot.kind !== 'soon') crowdedAt.set(budget.domain, now());
      switch (slot.kind) {
        case 'soon':
          await sleep(slot.waitMs, undefined, { signal });
          return null;
        case 'later':
          return { kind: 'paced', waitMs: slot.waitMs };
        case 'full':
          return { kind: 'paced', waitMs: PACE.safetyNet, domain: budget.domain };
        default:
          return slot satisfies never;
      }
    },
    leave,
    async leaveIfCrowded(seed) {
      const { domain } = budgetOf(seed.userPool, seed.userPool.lookup);
      const sinceMs = now() - (crowdedAt.get(domain) ?? -Infinity);
      if (sinceMs < PACE.safetyNet) await leave(seed);
      else crowdedAt.delete(domain);
    },
    async slowDown(pool, operation) {
      const budget = await budgets(pool, operation);
      return !isUnpaced(budget) && (await book.slowDown(budget));
    },
    async pace(pool, operation, options) {
      const budget = await budgets(pool, operation);
      if (!isUnpaced(budget)) await take(budget, options);
    },
  };
}
