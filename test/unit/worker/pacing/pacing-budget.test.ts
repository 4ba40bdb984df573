import { expect, test } from 'vitest';
import type { UserPool } from '../../../../src/worker/cognito/user-directory.ts';
import { budgetOf, isUnpaced } from '../../../../src/worker/pacing/pacing-budget.ts';

const POOL: UserPool = { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 };
const ROLE = { arn: 'arn:aws:iam::111122223333:role/rolecall' };
const sharesOf = (pool: UserPool) =>
  (['ListUsers', 'AdminGetUser', 'DescribeUserPool'] as const).map((of) => budgetOf(pool, of).perSecond);
const domainOf = (change: Partial<UserPool>) => budgetOf({ ...POOL, ...change }, 'ListUsers').domain;

test('a quota is shared by the pools of an account and region', () => {
  expect(domainOf({ id: 'eu-west-2_Another' })).toBe(domainOf({}));
  expect(domainOf({ assumeRole: ROLE })).toBe('111122223333/eu-west-2/user-list');
  const role = { arn: 'arn:aws-us-gov:iam::111122223333:role/path/other', externalId: 'x' };
  expect(domainOf({ assumeRole: role })).toBe(domainOf({ assumeRole: ROLE }));
});

test('regions, accounts and other Cognitos have quotas of their own, and so has each API', () => {
  const domains = [
    domainOf({}),
    domainOf({ region: 'eu-west-1' }),
    domainOf({ assumeRole: ROLE }),
    domainOf({ endpoint: 'http://127.0.0.1:9229' }),
    domainOf({ endpoint: 'http://127.0.0.1:9230' }),
    budgetOf(POOL, 'AdminGetUser').domain,
    budgetOf(POOL, 'DescribeUserPool').domain,
  ];
  expect(new Set(domains).size).toBe(domains.length);
});

test('an endpoint goes into keys, so it is not spelled out', () => {
  expect(domainOf({ endpoint: 'https://user:secret@emulator.example.org' })).not.toMatch(/secret|example/);
});

test('the share that a manifest names is that of its lookup; the others have theirs', () => {
  expect(sharesOf({ ...POOL, requestsPerSecond: 7 })).toEqual([7, 80, 10]);
  expect(sharesOf({ ...POOL, lookup: 'AdminGetUser', requestsPerSecond: 50 })).toEqual([20, 50, 10]);
  expect(sharesOf({ ...POOL, requestsPerSecond: 5_000 })).toEqual([5_000, 5_000, 5_000]);
});

test('a share beyond any quota is not paced', () => {
  expect([20, 999, 1_000].map((perSecond) => isUnpaced({ domain: 'own', perSecond }))).toEqual([false, false, true]);
});
