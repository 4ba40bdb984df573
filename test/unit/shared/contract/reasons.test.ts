import { expect, test } from 'vitest';
import { isReason, isTenantFault, isTransient, REASON_CODES, REASONS } from '#shared/contract/reasons.ts';

test.for(REASON_CODES)('%s is a code that fits the ledger, and says what it means and what to do', (reason) => {
  expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(reason.length).toBeLessThanOrEqual(40);
  expect(REASONS[reason].meaning).toMatch(/\.$/);
  expect(REASONS[reason].todo).toMatch(/\.$/);
});

test('what is tried again by itself', () => {
  expect(REASON_CODES.filter(isTransient).toSorted()).toEqual([
    'cognito-unavailable',
    'credentials-expired',
    'credentials-unavailable',
    'database-conflict',
    'database-unavailable',
    'network',
    'queue-unavailable',
    'throttled',
    'timeout',
  ]);
});

test('what speaks for all seeds of a tenant is never transient', () => {
  expect(REASON_CODES.filter((reason) => isTenantFault(reason) && isTransient(reason))).toEqual([]);
  expect(REASON_CODES.filter(isTenantFault)).toContain('pool-not-found');
});

test('what an object inherits is no reason', () => {
  expect(['toString', '__proto__', 'constructor', ''].filter(isReason)).toEqual([]);
});
