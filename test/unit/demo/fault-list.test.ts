import { expect, test } from 'vitest';
import { createFaultList } from '../../../demo/cognito/fault-list.ts';
import type { FaultTarget } from '../../../demo/cognito/faults.ts';

const call = (given: Partial<FaultTarget> = {}): FaultTarget => ({
  operation: 'ListUsers',
  pool: 'eu-west-2_A',
  accessKeyId: 'AKIA1',
  email: 'a@example.org',
  ...given,
});

function faultList({ random = () => 0 }: { random?: () => number } = {}) {
  const clock = { nowMs: 0 };
  return { clock, faults: createFaultList({ now: () => clock.nowMs, random }) };
}

test('a fault concerns the calls that it names', () => {
  const { faults } = faultList();
  faults.set({
    kind: 'hang',
    operation: 'ListUsers',
    pool: 'eu-west-2_A',
    accessKeyId: 'AKIA1',
    email: 'A@example.org',
  });
  const others = [
    { operation: 'AdminGetUser' },
    { pool: 'eu-west-2_B' },
    { accessKeyId: 'AKIA2' },
    { email: 'b@x' },
  ] as const;

  expect(faults.strike(call()).fault?.kind).toBe('hang');
  expect(others.map((other) => faults.strike(call(other)).fault)).toEqual([undefined, undefined, undefined, undefined]);
});

test('a fault without an operation concerns Cognito and leaves AssumeRole alone', () => {
  const { faults } = faultList();
  faults.set({ kind: 'reset' });

  expect(faults.strike(call({ operation: 'DescribeUserPool', email: undefined })).fault?.kind).toBe('reset');
  expect(faults.strike({ operation: 'AssumeRole', accessKeyId: 'AKIA1' }).fault).toBeUndefined();
});

test('faults with a number of times happen one after the other', () => {
  const { faults } = faultList();
  faults.set({ kind: 'reset', times: 2 });
  faults.set({ kind: 'hang', times: 1 });

  expect([1, 2, 3, 4].map(() => faults.strike(call()).fault?.kind)).toEqual(['reset', 'reset', 'hang', undefined]);
});

test('a fault ends when its time is up or it is cleared', () => {
  const { faults, clock } = faultList();
  faults.set({ id: 'outage', kind: 'reset', untilMs: 1000 });
  const kinds = [0, 999, 1000].map((nowMs) => {
    clock.nowMs = nowMs;
    return faults.strike(call()).fault?.kind;
  });
  expect(kinds).toEqual(['reset', 'reset', undefined]);

  faults.set({ id: 'outage', kind: 'hang' });
  faults.clear('outage');
  expect(faults.strike(call()).fault).toBeUndefined();
});

test('latency and a skewed date add up with whatever else happens', () => {
  const { faults } = faultList();
  faults.set({ kind: 'latency', ms: 100 });
  faults.set({ kind: 'error', name: 'InternalErrorException' });
  faults.set({ kind: 'latency', ms: 20 });
  faults.set({ kind: 'skewed-date', ms: -5000 });

  expect(faults.strike(call())).toMatchObject({ fault: { kind: 'error' }, delayMs: 120, dateSkewMs: -5000 });
});

test('a probability is a share of the calls', () => {
  const draws = [0.1, 0.5, 0.49];
  const { faults } = faultList({ random: () => draws.shift() ?? 1 });
  faults.set({ kind: 'reset', probability: 0.5, times: 2 });

  expect([1, 2, 3].map(() => faults.strike(call()).fault?.kind)).toEqual(['reset', undefined, 'reset']);
});

test('an expired token refuses the keys that were seen, until a new one comes', () => {
  const { faults } = faultList();
  faults.strike(call({ accessKeyId: 'ASIA1' }));
  faults.strike({ operation: 'AssumeRole', accessKeyId: 'AKIA1' });
  faults.set({ kind: 'expired-token', pool: 'eu-west-2_A' });

  const kinds = ['ASIA1', 'ASIA2', 'ASIA1'].map((accessKeyId) => faults.strike(call({ accessKeyId })).fault?.kind);
  expect(kinds).toEqual(['expired-token', undefined, 'expired-token']);
});

test('an expired token that nobody had used is that of the first caller', () => {
  const { faults } = faultList();
  faults.strike({ operation: 'AssumeRole', accessKeyId: 'AKIA1' });
  faults.set({ kind: 'expired-token' });

  const kinds = ['ASIA1', 'ASIA1', 'ASIA2'].map((accessKeyId) => faults.strike(call({ accessKeyId })).fault?.kind);
  expect(kinds).toEqual(['expired-token', 'expired-token', undefined]);
});
