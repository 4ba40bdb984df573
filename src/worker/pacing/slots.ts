import { setTimeout as sleep } from 'node:timers/promises';
import type { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { Pace } from '../cognito/pace.ts';
import type { UserPool } from '../cognito/user-directory.ts';
import { budgetOf, isUnpaced } from './pacing-budget.ts';
import type { SlotBook } from './slot-book.ts';

export interface PacedSeed {
  readonly id: SeedId;
  readonly run: RunId;
  readonly tenant: TenantId;
  readonly userPool: UserPool;
}

export interface Slots {
  /** `null`: the slot is now, and this seed's. Otherwise it should ask again in so many milliseconds, or when it is woken. */
  reserve(seed: PacedSeed, signal: AbortSignal): Promise<number | null>;
  /** It will not ask for now, whatever it has reserved. */
  leave(seed: PacedSeed): Promise<void>;
  slowDown(seed: PacedSeed): Promise<void>;
  readonly pace: Pace;
}

export interface SlotsOptions {
  readonly book: SlotBook;
  /** Somebody waits for its turn, and has to be woken. */
  parked(): void;
}

/** The quota's slots, as the lookups of one process see them. */
export function createSlots({ book, parked }: SlotsOptions): Slots {
  return {
    async reserve({ id, run, tenant, userPool }, signal) {
      const budget = budgetOf(userPool, 'ListUsers');
      if (isUnpaced(budget)) return null;
      const slot = await book.reserve(budget, { run, seedId: id, tenant });
      if (slot.kind !== 'soon') {
        parked();
        return slot.waitMs;
      }
      await sleep(slot.waitMs, undefined, { signal });
      return null;
    },
    async leave({ id, run, tenant, userPool }) {
      const budget = budgetOf(userPool, 'ListUsers');
      if (!isUnpaced(budget)) await book.leave([{ domain: budget.domain, run, seedId: id, tenant }]);
    },
    async slowDown({ userPool }) {
      const budget = budgetOf(userPool, 'ListUsers');
      if (!isUnpaced(budget)) await book.slowDown(budget);
    },
    async pace(pool, operation, signal) {
      const budget = budgetOf(pool, operation);
      if (!isUnpaced(budget)) await sleep(await book.take(budget), undefined, { signal });
    },
  };
}
