import { expect } from 'vitest';
import { failedJobs, grantsIn, untilCounts, untilStates } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { platformTest as test } from '../support/worker.ts';

const [ADA, BOB, EVE] = ['ada@example.org', 'bob@example.org', 'eve@example.org'] as const;
const tenantOf = (...seeds: string[]) => ({ tenants: [{ lookup: 'AdminGetUser' as const, seeds }] });

test('a tenant that wants it is asked by AdminGetUser, once per seed', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }, { email: BOB }] });
  await produce(tenantOf(ADA, BOB), 'v1');
  const { url } = await work();
  await untilStates(databaseUrl, { [ADA]: 'granted', [BOB]: 'granted' });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 2, ListUsers: 0, DescribeUserPool: 0 });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('rolecall_lookups_total{source="get"} 2');
});

test('whom AdminGetUser does not find by the email is looked for by ListUsers', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, usernameAttributes: [], users: [{ email: ADA, username: 'ada' }] });
  await produce(tenantOf(ADA, EVE), 'v1');
  await work();
  await untilStates(databaseUrl, { [ADA]: 'granted', [EVE]: 'blocked: user-missing' });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 3, ListUsers: 3 }); // the missing one is looked for twice
});

test('whoever is disabled or unverified by AdminGetUser is so by ListUsers too, or not at all', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({
    id: POOL,
    users: [
      { email: ADA, enabled: false },
      { email: BOB, emailVerified: false },
    ],
  });
  await produce(tenantOf(ADA, BOB), 'v1');
  await work();
  await untilStates(databaseUrl, { [ADA]: 'skipped: user-disabled', [BOB]: 'blocked: email-unverified' });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 2, ListUsers: 2 });
});

test('an endpoint that answers with somebody else makes nobody an admin', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL });
  const attributes = { email: EVE, email_verified: 'true', sub: '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' };
  const UserAttributes = Object.entries(attributes).map(([Name, Value]) => ({ Name, Value }));
  const body = JSON.stringify({ Username: 'eve', Enabled: true, UserStatus: 'CONFIRMED', UserAttributes });
  cognito.setFault({ kind: 'http', operation: 'AdminGetUser', status: 200, body });
  await produce(tenantOf(ADA), 'v1');
  await work();
  await untilStates(databaseUrl, { [ADA]: 'blocked: user-missing' });
  expect(await grantsIn(databaseUrl)).toEqual([]);
});

test('errors of AdminGetUser are what they are anywhere: a throttle passes, a refusal blocks', async ({
  cognito,
  produce,
  work,
  queue,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  cognito.setFault({ kind: 'error', operation: 'AdminGetUser', name: 'TooManyRequestsException', id: 'busy' });
  await produce(tenantOf(ADA), 'v1');
  await work();
  await untilStates(databaseUrl, { [ADA]: 'retrying: throttled' });
  cognito.setFault({ kind: 'error', operation: 'AdminGetUser', name: 'AccessDeniedException', id: 'busy' });
  await untilStates(databaseUrl, { [ADA]: 'blocked: access-denied' });
  await expect.poll(() => failedJobs(queue)).toEqual(['access-denied']);
  expect(cognito.counts.calls.ListUsers).toBe(0);
});

test('a small pool of which many are wanted is walked through also there: that bills nobody', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: people(40).map((email) => ({ email })) });
  await produce({ tenants: [{ lookup: 'AdminGetUser', requestsPerSecond: 80, seeds: people(40) }] }, 'v1');
  await work();
  await untilCounts(databaseUrl, { granted: 40 });
  expect(cognito.counts.calls).toMatchObject({ AdminGetUser: 0, ListUsers: 1, DescribeUserPool: 1 });
});
