import { expect, test } from 'vitest';
import type { Finding, Limit, Target } from '../../../bench/support/bench.ts';
import { judge } from '../../../bench/support/judge.ts';

const FASTER: Target = { kind: 'at least', ratio: 15 };
const AS_IF_ALONE: Target = { kind: 'at most', ratio: 2, plusSeconds: 1 };

test.for<[what: string, target: Target, figures: [measured: number, against: number], met: boolean]>([
  ['a rate that reaches its multiple', FASTER, [150, 10], true],
  ['a rate that does not', FASTER, [149, 10], false],
  ['a time within its multiple and the seconds on top', AS_IF_ALONE, [3, 1], true],
  ['a time beyond both', AS_IF_ALONE, [3.1, 1], false],
  ['a time without seconds on top', { kind: 'at most', ratio: 2 }, [2.1, 1], false],
])('%s', ([, target, [measured, against], met]) => {
  expect(judge({ case: '', measured, against }, target)).toEqual({ ratio: measured / against, met });
});

test('a ratio that is reached by breaking a limit is missed', () => {
  const within: Limit = { of: 'throttles', value: 0, atMost: 0 };
  const finding: Finding = { case: '', measured: 150, against: 10, limits: [within] };
  expect(judge(finding, FASTER).met).toBe(true);
  expect(judge({ ...finding, limits: [within, { ...within, value: 1 }] }, FASTER).met).toBe(false);
});
