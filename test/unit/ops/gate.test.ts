import { assert, constantFrom, nat, option, property, record, subarray, uniqueArray } from 'fast-check';
import { expect, test } from 'vitest';
import { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import { SEED_STATES, type SeedStateKind } from '#shared/contract/seed-state.ts';
import { evaluateGate, type Gate, type RunCounts } from '../../../src/ops/gate/gate.ts';

const ids = { run: RunId.parse(7), name: ManifestName.parse('flip'), release: ReleaseId.parse('r1') };
const tenant = TenantId.parse('flip');

/** One seed in each of these states. */
function run(onTransient: RunCounts['onTransient'], ...states: SeedStateKind[]): RunCounts {
  const counts = states.map((state) => ({ state, count: 1 }));
  return { ...ids, onTransient, pruned: false, recorded: states.length, counts, found: states, reasons: [] };
}

test.for<[why: string, given: RunCounts, expected: Partial<Gate>]>([
  ['everyone holds their roles', run('tolerate', 'granted', 'skipped'), { state: 'open', open: true, degraded: false }],
  ['Cognito has a bad day', run('tolerate', 'granted', 'retrying'), { state: 'open', degraded: true }],
  ['somebody is still awaited', run('tolerate', 'granted', 'waiting'), { state: 'open', degraded: true }],
  ['a bad day, for a team that would rather wait', run('hold', 'granted', 'retrying'), { state: 'pending' }],
  ['that team does not wait for the awaited', run('hold', 'granted', 'waiting'), { state: 'open', degraded: true }],
  ['an admin is blocked while work remains', run('tolerate', 'pending', 'blocked'), { state: 'blocked', open: false }],
  ['a newer run took over before this one was done', run('tolerate', 'granted', 'superseded'), { state: 'blocked' }],
  ['work remains', run('tolerate', 'granted', 'pending', 'retrying'), { state: 'pending', degraded: false }],
  ['seeds are missing from the ledger', { ...run('tolerate', 'granted'), recorded: 2 }, { state: 'pending' }],
  ['all seeds are missing from the ledger', { ...run('tolerate'), recorded: 2 }, { state: 'pending' }],
  ['more seeds than were recorded', { ...run('tolerate', 'granted', 'skipped'), recorded: 1 }, { state: 'pending' }],
  ['seeds are counted and not found', { ...run('tolerate', 'granted'), found: [] }, { state: 'pending' }],
  [
    'seeds are found and not counted',
    { ...run('tolerate', 'granted'), found: ['granted', 'skipped'] },
    { state: 'pending' },
  ],
  ['a blocked seed is found, not counted', { ...run('tolerate', 'granted'), found: ['blocked'] }, { state: 'blocked' }],
  [
    'a run that retention took',
    { ...run('tolerate', 'granted'), pruned: true },
    { ...ids, state: 'unknown', open: false },
  ],
  ['a release without seeds', run('tolerate'), { state: 'unknown', open: false }],
  ['a tenant without seeds', { ...run('tolerate'), recorded: null }, { state: 'unknown', open: false }],
  ['a tenant whose seeds are settled', { ...run('tolerate', 'granted'), recorded: null }, { state: 'open' }],
])('%s', ([, given, expected]) => {
  expect(evaluateGate(given)).toMatchObject(expected);
});

test('a state of a newer version does not open the gate', () => {
  const newer = 'imagined' as SeedStateKind; // what a rolling upgrade may leave in the ledger

  expect(evaluateGate(run('tolerate', 'granted', newer))).toMatchObject({ state: 'pending', open: false });
});

test('what closes the gate is named, by tenant and reason', () => {
  const reasons = [
    { tenant, reason: 'user-missing', count: 2 },
    { tenant, reason: 'superseded', count: 1 },
  ] as const;

  expect(evaluateGate({ ...run('tolerate', 'blocked', 'superseded', 'retrying'), reasons })).toEqual({
    state: 'blocked',
    open: false,
    degraded: false,
    ...ids,
    counts: { pending: 0, retrying: 1, waiting: 0, granted: 0, skipped: 0, blocked: 1, superseded: 1 },
    reasons,
  });
});

test('the gate is open only when every recorded seed is settled or tolerated', () => {
  const seeds = record({ state: constantFrom(...SEED_STATES), count: nat(3) });
  const anyRun = record({
    onTransient: constantFrom<RunCounts['onTransient'][]>('tolerate', 'hold'),
    recorded: option(nat(8)),
    counts: uniqueArray(seeds, { selector: ({ state }) => state }),
    missed: subarray([...SEED_STATES], { maxLength: 1 }),
  });

  assert(
    property(anyRun, ({ onTransient, recorded, counts, missed }) => {
      const total = counts.reduce((sum, { count }) => sum + count, 0);
      const allowed = new Set<SeedStateKind>(['granted', 'skipped', 'waiting']);
      if (onTransient === 'tolerate') allowed.add('retrying');
      const present = counts.filter(({ count }) => count > 0).map(({ state }) => state);
      const found = present.filter((state) => !missed.includes(state));

      const gate = evaluateGate({ ...run(onTransient), recorded, counts, found });

      const mayOpen =
        total > 0 &&
        (recorded === null || recorded === total) &&
        found.length === present.length &&
        present.every((state) => allowed.has(state));
      expect(gate.open).toBe(mayOpen);
      expect(gate.state === 'open').toBe(mayOpen);
      expect(gate.degraded && !gate.open).toBe(false);
    }),
  );
});
