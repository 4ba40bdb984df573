import { expect, test as base } from 'vitest';
import { Email } from '#shared/contract/ids.ts';
import { startEmulator } from '../../demo/cognito/emulator.ts';
import { createCognitoClients } from '../../src/worker/cognito/cognito-clients.ts';
import { createCognitoDirectory } from '../../src/worker/cognito/cognito-directory.ts';
import { createCognitoRequests } from '../../src/worker/cognito/cognito-requests.ts';
import { SlotTooFar, type Pace } from '../../src/worker/cognito/pace.ts';
import type { UserPool } from '../../src/worker/cognito/user-directory.ts';
import { POOL } from '../support/manifest.ts';
import { AWS_KEY } from '../support/worker.ts';

Object.assign(process.env, AWS_KEY);
const ADA = Email.parse('ada@example.org');
const signal = AbortSignal.timeout(20_000);

/** A directory whose slots are counted, and had only when `pace` says so. */
const test = base
  .extend('cognito', async ({}, { onCleanup }) => {
    const emulator = await startEmulator();
    onCleanup(() => emulator[Symbol.asyncDispose]());
    return emulator;
  })
  .extend('open', ({ cognito }, { onCleanup }) => {
    return (change: Partial<UserPool> = {}, more: Pace = () => Promise.resolve()) => {
      const clients = createCognitoClients({ stsEndpointIsConfigured: false });
      onCleanup(() => clients[Symbol.dispose]());
      const slots: string[] = [];
      const throttles: string[] = [];
      const pace: Pace = (pool, operation, options) => {
        slots.push(operation);
        return more(pool, operation, options);
      };
      const throttled = async (_: UserPool, operation: string) => void throttles.push(operation);
      const requests = createCognitoRequests({ clients, pace, observe: () => {}, throttled });
      const pool: UserPool = {
        id: POOL,
        region: 'eu-west-2',
        endpoint: cognito.url,
        lookup: 'ListUsers',
        requestsPerSecond: 20,
        ...change,
      };
      return { slots, throttles, requests, pool, directory: createCognitoDirectory({ requests, answered: () => {} }) };
    };
  });

test('the slot of the first request is the caller’s; every further one takes its own', async ({ cognito, open }) => {
  cognito.addPool({ id: POOL, emptyFirstPages: 2, users: [{ email: ADA }] });
  const { directory, pool, slots } = open();
  expect(await directory.find(ADA, pool, signal)).toMatchObject({ kind: 'found' });
  expect(cognito.counts.calls.ListUsers).toBe(3);
  expect(slots).toEqual(['ListUsers', 'ListUsers']);
});

test('a quick retry takes a slot', async ({ cognito, open }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  cognito.setFault({ kind: 'reset', times: 1 });
  const { directory, pool, slots } = open();
  expect(await directory.find(ADA, pool, signal)).toMatchObject({ kind: 'found' });
  expect(slots).toEqual(['ListUsers']);
});

test('the filtered look after AdminGetUser takes a slot of ListUsers', async ({ cognito, open }) => {
  cognito.addPool({ id: POOL });
  const { directory, pool, slots } = open({ lookup: 'AdminGetUser' });
  expect(await directory.find(ADA, pool, signal)).toEqual({ kind: 'missing' });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 1, ListUsers: 1 });
  expect(slots).toEqual(['ListUsers']);
});

test('pages of a walk and descriptions take slots', async ({ cognito, open }) => {
  cognito.addPool({ id: POOL, syntheticUsers: 61 });
  const { requests, pool, slots } = open();
  expect(await requests.describePool(pool, { signal })).toMatchObject({ users: 61 });
  const { token } = await requests.listUsers(pool, { signal });
  expect(await requests.listUsers(pool, { token, signal })).toMatchObject({ users: { length: 1 }, token: undefined });
  expect(slots).toEqual(['DescribeUserPool', 'ListUsers', 'ListUsers']);
});

test('the filtered look after AdminGetUser waits for no far slot: the seed comes back, and is not asked for twice', async ({
  cognito,
  open,
}) => {
  cognito.addPool({ id: POOL, usernameAttributes: [], users: [{ email: ADA, username: 'ada' }] });
  const patience: unknown[] = [];
  const { directory, pool } = open({ lookup: 'AdminGetUser' }, async (_, operation, { patienceMs }) => {
    patience.push([operation, patienceMs]);
    if (patience.length === 1) throw new SlotTooFar(1_234);
  });
  expect(await directory.find(ADA, pool, signal)).toEqual({ kind: 'paced', waitMs: 1_234 });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 1, ListUsers: 0 });
  expect(await directory.find(ADA, pool, signal)).toMatchObject({ kind: 'found' });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 1, ListUsers: 1 });
  expect(patience).toEqual([
    ['ListUsers', 500],
    ['ListUsers', 500],
  ]);
});

test.for(['ListUsers', 'AdminGetUser', 'DescribeUserPool'] as const)(
  'a throttle of %s is told as one of that operation, once',
  async (operation, { cognito, open }) => {
    cognito.addPool({ id: POOL });
    cognito.setFault({ kind: 'error', operation, name: 'TooManyRequestsException' });
    const { directory, requests, pool, throttles } = open({ lookup: 'AdminGetUser' });
    await directory.find(ADA, pool, signal);
    await requests.describePool(pool, { signal }).catch(() => {});
    expect(throttles).toEqual([operation]);
  },
);

test('a slot that cannot be had is no verdict on anybody', async ({ cognito, open }) => {
  cognito.addPool({ id: POOL, emptyFirstPages: 1, users: [{ email: ADA }] });
  const { directory, pool } = open({}, () => Promise.reject(new TypeError('no store')));
  expect(await directory.find(ADA, pool, signal)).toMatchObject({ kind: 'failed', reason: 'timeout' });
  expect(cognito.counts.calls.ListUsers).toBe(1);
});

test('a role is assumed before a slot is taken, and once', async ({ cognito, open }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  const assumeRole = { arn: 'arn:aws:iam::111122223333:role/rolecall' };
  const assumed: number[] = [];
  const { directory, requests, pool } = open({ assumeRole }, async () => {
    assumed.push(cognito.counts.calls.AssumeRole);
  });
  await requests.describePool(pool, { signal });
  await directory.prepare(pool);
  await directory.find(ADA, pool, signal);
  expect(assumed).toEqual([1]);
  expect(cognito.counts.calls.AssumeRole).toBe(1);
});

test('credentials that cannot be had are told by the request that needs them', async ({ cognito, open }) => {
  cognito.setFault({ kind: 'error', operation: 'AssumeRole', name: 'AccessDenied', status: 403 });
  const { directory, pool } = open({ assumeRole: { arn: 'arn:aws:iam::111122223333:role/rolecall' } });
  await directory.prepare(pool);
  expect(await directory.find(ADA, pool, signal)).toMatchObject({ kind: 'failed', reason: 'assume-role-refused' });
});
