import { expect, test } from 'vitest';
import { ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import { REASONS, type Reason } from '#shared/contract/reasons.ts';
import { adviceOf, describeGate } from '../../../src/ops/gate/describe-gate.ts';
import { evaluateGate, unknownGate } from '../../../src/ops/gate/gate.ts';
import { inBrief } from '../../../src/ops/gate/name-remedies.ts';

test('a blocked gate says what to do about each reason', () => {
  const gate = evaluateGate({
    run: RunId.parse(7),
    name: ManifestName.parse('flip'),
    release: ReleaseId.parse('r1'),
    onTransient: 'tolerate',
    pruned: false,
    recorded: 3,
    counts: [
      { state: 'blocked', count: 2 },
      { state: 'granted', count: 1 },
    ],
    found: ['blocked', 'granted'],
    reasons: [{ tenant: TenantId.parse('north'), reason: 'pool-not-found', count: 2 }],
  });

  expect(describeGate(gate)).toEqual([
    'gate: blocked · flip, release r1, run 7',
    '  granted 1 · blocked 2',
    '  north: 2 × pool-not-found',
    `    ${REASONS['pool-not-found'].meaning}`,
    `    ${REASONS['pool-not-found'].todo}`,
  ]);
});

test('a degraded gate says how to list those who have no grant yet, in a line that is safe to paste', () => {
  const release = ReleaseId.parse("r1';$(reboot)");
  const ids = { run: RunId.parse(7), name: ManifestName.parse('flip'), release };
  const counts = (['granted', 'retrying', 'waiting'] as const).map((state) => ({ state, count: 1 }));
  const found = counts.map(({ state }) => state);
  const given = { ...ids, onTransient: 'tolerate', pruned: false, recorded: 3, reasons: [] } as const;

  expect(describeGate(evaluateGate({ ...given, counts, found }))).toEqual([
    `gate: open (degraded: some seeds are still tried again) · flip, release ${release}, run 7`,
    '  retrying 1 · waiting 1 · granted 1',
    String.raw`  who, and why: rolecall status --name flip --release 'r1'\'';$(reboot)' --state retrying`,
    String.raw`  who, and why: rolecall status --name flip --release 'r1'\'';$(reboot)' --state waiting`,
  ]);
});

test.for([
  [1, ['    add Admin;']],
  [3, ['    add Admin;', '    add Owner;', '    add Guest;']],
  [4, ['    add Admin;', '    add Owner;', '    add Guest;', '    and 1 more']],
] as const)('of %i fixes the first three are said, each in a line, and the rest is counted', ([count, lines]) => {
  const fix = inBrief(['add Admin;', 'add Owner;', 'add Guest;', 'add Staff;'].slice(0, count));
  const closing = { tenant: TenantId.parse('north'), reason: 'role-unknown', count: 9, fix } as const;

  const described = describeGate({ ...unknownGate('blocked'), reasons: [closing] });

  expect(described.slice(described.indexOf(`    ${REASONS['role-unknown'].todo}`) + 1)).toEqual(lines);
});

test('an unknown gate says why', () => {
  expect(describeGate(unknownGate('no release r9 in this ledger', ReleaseId.parse('r9')))).toEqual([
    'gate: unknown · release r9',
    '  no release r9 in this ledger',
  ]);
});

test('a reason of a newer version is still described', () => {
  const newer = 'toString' as Reason; // what a rolling upgrade may leave in the ledger

  expect(adviceOf(newer).todo).toContain('rolecall status');
});
