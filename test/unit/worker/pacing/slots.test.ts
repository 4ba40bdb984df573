import { expect, test } from 'vitest';
import { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import type { UserPool } from '../../../../src/worker/cognito/user-directory.ts';
import type { DomainBudgets } from '../../../../src/worker/pacing/domain-budgets.ts';
import { budgetOf } from '../../../../src/worker/pacing/pacing-budget.ts';
import type { Parked, Slot, SlotBook } from '../../../../src/worker/pacing/slot-book.ts';
import { createSlots } from '../../../../src/worker/pacing/slots.ts';

const poolOf = (region: string): UserPool => ({ id: 'pool', region, lookup: 'ListUsers', requestsPerSecond: 20 });
const seedOf = (region: string) => ({
  id: SeedId.parse(1),
  run: RunId.parse(1),
  tenant: TenantId.parse('flip'),
  userPool: poolOf(region),
});
const signal = new AbortController().signal;

const budgets: DomainBudgets = async (pool, operation) => budgetOf(pool, operation);

function slotsOf() {
  const world = { nowMs: 0, slot: { kind: 'full' } as Slot };
  const left: string[] = [];
  const book: Partial<SlotBook> = {
    reserve: async () => world.slot,
    leave: async (parked: readonly Parked[]) => void left.push(...parked.map(({ domain }) => domain)),
  };
  return { world, left, slots: createSlots(book as SlotBook, budgets, () => world.nowMs) }; // no more of it is used here
}

test('who was seen in a walk leaves the book where others had to wait, and costs nothing elsewhere', async () => {
  const { world, left, slots } = slotsOf();
  await slots.leaveIfCrowded(seedOf('eu-west-2'));
  expect(left).toEqual([]);

  await slots.reserve(seedOf('eu-west-2'), signal);
  await slots.leaveIfCrowded(seedOf('eu-west-1'));
  await slots.leaveIfCrowded(seedOf('eu-west-2'));
  expect(left).toEqual(['own/eu-west-2/user-list']);

  world.nowMs = 600_000; // whoever was parked then has come back by itself
  await slots.leaveIfCrowded(seedOf('eu-west-2'));
  expect(left).toHaveLength(1);
});

test('a slot that is at once crowds nothing', async () => {
  const { world, left, slots } = slotsOf();
  world.slot = { kind: 'soon', waitMs: 0 };
  await slots.reserve(seedOf('eu-west-2'), signal);
  await slots.leaveIfCrowded(seedOf('eu-west-2'));
  expect(left).toEqual([]);
});
