import { expect, test } from 'vitest';
import {
  mayBecome,
  SEED_STATES,
  sourcesOf,
  UNSETTLED_STATES,
  type SeedStateKind,
} from '#shared/contract/seed-state.ts';

test.for<SeedStateKind>(['granted', 'skipped', 'superseded'])('%s is the end', (state) => {
  expect(SEED_STATES.filter((next) => mayBecome(state, next))).toEqual([]);
});

test.for<SeedStateKind>(['pending', 'retrying', 'waiting'])('%s may become anything', (state) => {
  expect(SEED_STATES.filter((next) => mayBecome(state, next))).toEqual([...SEED_STATES]);
});

test('a blocked seed stays blocked until it is replayed, granted by a copy of its job, or superseded', () => {
  expect(SEED_STATES.filter((next) => mayBecome('blocked', next)).toSorted()).toEqual([
    'blocked',
    'granted',
    'pending',
    'superseded',
  ]);
});

test('sources are the table read backwards', () => {
  for (const to of SEED_STATES) {
    expect(sourcesOf(to)).toEqual(SEED_STATES.filter((from) => mayBecome(from, to)));
  }
});

test('exactly the unsettled states can be superseded', () => {
  expect(sourcesOf('superseded').toSorted()).toEqual(UNSETTLED_STATES.toSorted());
});
