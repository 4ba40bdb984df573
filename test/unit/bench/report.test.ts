import { expect, test } from 'vitest';
import { quantity, table, type Result } from '../../../bench/support/report.ts';

const RESULT: Result = {
  name: 'small-pool-scan',
  description: 'what is measured',
  baseline: 'what it is compared with',
  unit: '/s',
  target: { kind: 'at least', ratio: 15 },
  backend: 'redis',
  case: '',
  measured: 200.4,
  against: 10,
  ratio: 20.04,
  met: false,
  limits: [{ of: 'Cognito requests', value: 16, atMost: 15 }],
};

test('a row says what was measured, and what of it was missed', () => {
  const [, row = ''] = table([RESULT]).split('\n');
  expect(row.split(/ {2,}/)).toEqual([
    'small-pool-scan',
    'redis',
    '200 /s',
    '10 /s',
    '20.04×',
    '≥ 15×',
    'missed',
    'Cognito requests 16 (≤ 15, missed)',
  ]);
});

test('a case is part of its name, and seconds on top are part of the target', () => {
  const target = { kind: 'at most', ratio: 2, plusSeconds: 1 } as const;
  const [, row = ''] = table([{ ...RESULT, case: '4 workers', unit: 's', target, met: true, limits: [] }]).split('\n');
  expect(row.split(/ {2,}/)).toEqual([
    'small-pool-scan: 4 workers',
    'redis',
    '200 s',
    '10.0 s',
    '20.04×',
    '≤ 2× + 1 s',
    'met',
  ]);
});

test.for([
  [1234.5, '/s', '1235 /s'],
  [12.345, 'ms', '12.3 ms'],
  [1.2345, 's', '1.23 s'],
  [12, '', '12'],
] as const)('%d in %s', ([value, unit, text]) => {
  expect(quantity(value, unit)).toBe(text);
});
