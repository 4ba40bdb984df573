/* oxlint-disable vitest/no-standalone-expect -- the rule does not know a `test` that was extended */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AdminGetUserCommand,
  CognitoIdentityProviderClient,
  DescribeUserPoolCommand,
  ListUsersCommand,
  type ListUsersCommandInput,
} from '@aws-sdk/client-cognito-identity-provider';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { test as base, describe, expect, onTestFinished, vi } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { startEmulator, type Emulator, type Fault } from '../../demo/cognito/emulator.ts';
import { syntheticEmail } from '../../demo/cognito/synthetic-users.ts';
import { runCli } from '../support/cli.ts';

const REGION = 'eu-west-2';
const POOL = 'eu-west-2_Emulated1';
const ROLE = 'arn:aws:iam::444455556666:role/rolecall';
const UNLIMITED = { UserList: Infinity, UserRead: Infinity, UserPoolRead: Infinity };

const test = base.extend('emulator', async ({}, { onCleanup }) => {
  const alice = { email: 'alice@example.org', sub: '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' };
  const emulator = await startEmulator({ quotas: UNLIMITED, pools: [{ id: POOL, users: [alice] }] });
  onCleanup(() => emulator[Symbol.asyncDispose]());
  return emulator;
});

const keys = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 'secret' });

interface ClientOptions {
  readonly region?: string;
  readonly accessKeyId?: string;
  readonly timeouts?: ConstructorParameters<typeof NodeHttpHandler>[0];
}

function client(
  { url }: { url: string },
  { region = REGION, accessKeyId = 'AKIATEST', timeouts = {} }: ClientOptions = {},
) {
  return new CognitoIdentityProviderClient({
    region,
    endpoint: url,
    credentials: keys(accessKeyId),
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ throwOnRequestTimeout: true, ...timeouts }),
  });
}

type Lookup = Partial<ListUsersCommandInput>;

const list = (emulator: Emulator, input: Lookup = {}, options: ClientOptions = {}) =>
  client(emulator, options).send(new ListUsersCommand({ UserPoolId: POOL, ...input }));

const getUser = (emulator: Emulator, Username: string, UserPoolId = POOL) =>
  client(emulator).send(new AdminGetUserCommand({ UserPoolId, Username }));

async function emails(emulator: Emulator, input: Lookup = {}): Promise<string[]> {
  const { Users = [] } = await list(emulator, input);
  return Users.map(({ Attributes }) => Attributes?.find(({ Name }) => Name === 'email')?.Value ?? '');
}

/** Follows a chain to its end; the number of users on each page. */
async function pages(emulator: Emulator, input: Lookup): Promise<number[]> {
  const { Users = [], PaginationToken } = await list(emulator, input);
  return [Users.length, ...(PaginationToken ? await pages(emulator, { ...input, PaginationToken }) : [])];
}

/** What the SDK throws, in the words that a classifier looks at. */
async function failure(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => expect.fail('the call succeeded'),
    (reason: unknown) => reason,
  );
  const { name, message, code, $metadata, $fault } = error as Error & {
    code?: string;
    $metadata?: { httpStatusCode?: number };
    $fault?: string;
  };
  return { name, message, code, status: $metadata?.httpStatusCode, fault: $fault };
}

const raw = (emulator: Emulator, init: RequestInit, path = '/') =>
  fetch(new URL(path, emulator.url), { method: 'POST', ...init });

const assume = (emulator: Emulator, input: { RoleArn: string; ExternalId?: string }) =>
  new STSClient({ region: REGION, endpoint: emulator.url, credentials: keys('AKIABASE'), maxAttempts: 1 }).send(
    new AssumeRoleCommand({ RoleSessionName: 'run-1', ...input }),
  );

const assumingClient = (emulator: Emulator, RoleArn: string) =>
  new CognitoIdentityProviderClient({
    region: REGION,
    endpoint: emulator.url,
    maxAttempts: 1,
    credentials: fromTemporaryCredentials({
      masterCredentials: keys('AKIABASE'),
      params: { RoleArn, RoleSessionName: 'run-1' },
      clientConfig: { region: REGION, endpoint: emulator.url, maxAttempts: 1 },
    }),
  });

const control = async (emulator: Emulator, method: string, path: string, body?: unknown) => {
  const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await raw(emulator, init, `/_emulator/${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

/** Stops the calendar for this test, and returns what moves it on; timers run as always. */
function holdTheClock(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  return (ms) => void vi.setSystemTime(Date.now() + ms);
}

const SIGNED = {
  authorization: `AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/${REGION}/cognito-idp/aws4_request, SignedHeaders=host`,
};
const TARGET = { 'x-amz-target': 'AWSCognitoIdentityProviderService.ListUsers' };

describe('ListUsers', () => {
  test.for([
    ['email = "alice@example.org"', ['alice@example.org']],
    ['email="ALICE@example.org"', ['alice@example.org']],
    ['"email" ^= "ali"', ['alice@example.org']],
    ['email^="Alice@"', ['alice@example.org']],
    ['email = "nobody@example.org"', []],
    ['email ^= ""', ['alice@example.org', 'bob@example.org']],
    [undefined, ['alice@example.org', 'bob@example.org']],
  ] as const)('the filter %s finds %s', async ([Filter, expected], { emulator }) => {
    emulator.addUser(POOL, { email: 'bob@example.org' });
    expect(await emails(emulator, { Filter })).toEqual(expected);
  });

  test('an email with a quote is found by its escaped form only', async ({ emulator }) => {
    emulator.addUser(POOL, { email: '"q"@example.org' });

    expect(await emails(emulator, { Filter: String.raw`email = "\"q\"@example.org"` })).toEqual(['"q"@example.org']);
    expect(await failure(list(emulator, { Filter: 'email = ""q"@example.org"' }))).toMatchObject({
      name: 'InvalidParameterException',
      message: 'Error while parsing filter.',
      status: 400,
      fault: 'client',
    });
  });

  test('a user is shown with its attributes, its state and real dates', async ({ emulator }) => {
    const [user] = (await list(emulator)).Users ?? [];

    expect(user).toMatchObject({ Enabled: true, UserStatus: 'CONFIRMED', UserCreateDate: expect.any(Date) });
    expect(user?.Attributes).toEqual([
      { Name: 'sub', Value: '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' },
      { Name: 'email_verified', Value: 'true' },
      { Name: 'email', Value: 'alice@example.org' },
    ]);
  });

  test('duplicates, disabled and federated rows are all found', async ({ emulator }) => {
    const identities = JSON.stringify([{ userId: '123', providerName: 'Google', providerType: 'Google' }]);
    emulator.addUser(POOL, { email: 'Alice@example.org', enabled: false });
    emulator.addUser(POOL, { email: 'alice@example.org', username: 'Google_123', identities, emailVerified: false });

    const { Users = [] } = await list(emulator, { Filter: 'email = "alice@example.org"' });

    expect(Users.map(({ Enabled, UserStatus }) => [Enabled, UserStatus])).toEqual([
      [true, 'CONFIRMED'],
      [false, 'CONFIRMED'],
      [true, 'EXTERNAL_PROVIDER'],
    ]);
    expect(await list(emulator, { Filter: 'status = "Disabled"' })).toMatchObject({ Users: [{ Enabled: false }] });
    expect((await list(emulator, { Filter: 'cognito:user_status = "external_provider"' })).Users).toHaveLength(1);
  });

  test('users come and go, and change', async ({ emulator }) => {
    emulator.updateUser(POOL, 'alice@example.org', { email: 'alicia@example.org', enabled: false });
    expect(await emails(emulator, { Filter: 'email = "alice@example.org"' })).toEqual([]);
    expect(await list(emulator, { Filter: 'email = "alicia@example.org"' })).toMatchObject({
      Users: [{ Enabled: false }],
    });

    emulator.removeUser(POOL, 'alicia@example.org');
    expect(await emails(emulator)).toEqual([]);
  });

  test('a new user is not shown at once, though AdminGetUser knows it', async ({ emulator }) => {
    const passMs = holdTheClock();
    const { sub } = emulator.addUser(POOL, { email: 'new@example.org', visibleAfterMs: 5000 });
    const found = () => emails(emulator, { Filter: `sub = "${sub}"` });

    expect(await getUser(emulator, 'new@example.org')).toMatchObject({ Username: sub });
    passMs(4999);
    expect(await found()).toEqual([]);
    passMs(1);
    expect(await found()).toEqual(['new@example.org']);
  });

  test('only the attributes that were asked for are shown, and all users must have them', async ({ emulator }) => {
    const { Users = [] } = await list(emulator, { AttributesToGet: ['email'] });
    expect(Users[0]?.Attributes).toEqual([{ Name: 'email', Value: 'alice@example.org' }]);

    const refused = await failure(list(emulator, { AttributesToGet: ['email', 'identities'] }));
    expect(refused).toMatchObject({ name: 'InvalidParameterException', status: 400 });
  });

  test.for<[why: string, input: Lookup]>([
    ['a Limit over 60', { Limit: 61 }],
    ['a negative Limit', { Limit: -1 }],
    ['a Filter over 256 characters', { Filter: `email = "${'a'.repeat(247)}"` }],
    ['a custom attribute in the filter', { Filter: 'custom:team = "red"' }],
    ['a token that is none', { PaginationToken: 'nonsense' }],
    ['a malformed pool id', { UserPoolId: 'nonsense' }],
    ['no pool id', { UserPoolId: undefined }],
  ])('%s is an invalid parameter', async ([, input], { emulator }) => {
    expect(await failure(list(emulator, input))).toMatchObject({ name: 'InvalidParameterException', status: 400 });
  });

  test('a Filter of exactly 256 characters is taken', async ({ emulator }) => {
    expect(await emails(emulator, { Filter: `email = "${'a'.repeat(246)}"` })).toEqual([]);
  });
});

describe('pages', () => {
  const users = Array.from({ length: 130 }, (_, n) => ({ email: `user${n}@example.org` }));

  test('a page holds the Limit at most and 60 without one, and an exact fit ends the chain', async ({ emulator }) => {
    emulator.addPool({ id: POOL, users });
    expect(await pages(emulator, {})).toEqual([60, 60, 10]);
    expect(await pages(emulator, { Limit: 50 })).toEqual([50, 50, 30]);
    expect(await pages(emulator, { Limit: 26 })).toEqual([26, 26, 26, 26, 26]);
  });

  test('short pages and empty ones at first carry a token, with a filter too', async ({ emulator }) => {
    emulator.addPool({ id: POOL, users: users.slice(0, 15), pageSize: 7, emptyFirstPages: 2 });
    expect(await pages(emulator, { Limit: 20 })).toEqual([0, 0, 7, 7, 1]);
    expect(await pages(emulator, { Filter: 'email = "user3@example.org"' })).toEqual([0, 0, 1]);
  });

  test('a chain shows nobody twice when users are removed on the way', async ({ emulator }) => {
    emulator.addPool({ id: POOL, users: users.slice(0, 4) });
    const first = await list(emulator, { Limit: 2 });
    emulator.removeUser(POOL, 'user0@example.org');

    const rest = await emails(emulator, { PaginationToken: first.PaginationToken });
    expect(rest).toEqual(['user2@example.org', 'user3@example.org']);
  });

  test('a token is good for an hour', async ({ emulator }) => {
    emulator.addPool({ id: POOL, users });
    const passMs = holdTheClock();
    const { PaginationToken } = await list(emulator);

    passMs(60 * 60_000);
    expect((await list(emulator, { PaginationToken })).Users).toHaveLength(60);
    passMs(1);
    expect(await failure(list(emulator, { PaginationToken }))).toMatchObject({ name: 'InvalidParameterException' });
  });

  test('a token is good for its filter only', async ({ emulator }) => {
    emulator.addPool({ id: POOL, users });
    const { PaginationToken } = await list(emulator, { Filter: 'email ^= "user"' });

    const refused = await failure(list(emulator, { PaginationToken, Filter: 'email ^= "use"' }));
    expect(refused).toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringContaining('Paging Marker'),
    });
    expect((await list(emulator, { PaginationToken, Filter: 'email ^= "user"' })).Users).toHaveLength(60);
  });

  test('a pool of 200,000 users answers a filter at once, and pages on', async ({ emulator }) => {
    emulator.addPool({ id: POOL, users: users.slice(0, 1), syntheticUsers: 200_000 });
    const email = syntheticEmail(199_999);

    expect(await emails(emulator, { Filter: `email = "${email.toUpperCase()}"` })).toEqual([email]);
    expect(await getUser(emulator, email)).toMatchObject({ Enabled: true });
    expect(await emails(emulator, { Filter: `email = "${syntheticEmail(200_000)}"` })).toEqual([]);
    const second = await list(emulator, { PaginationToken: (await list(emulator)).PaginationToken });
    expect(second).toMatchObject({ Users: { length: 60 }, PaginationToken: expect.any(String) });

    emulator.updateUser(POOL, email, { enabled: false });
    expect(await list(emulator, { Filter: `email = "${email}"` })).toMatchObject({ Users: [{ Enabled: false }] });
    emulator.removeUser(POOL, email);
    expect(await emails(emulator, { Filter: `email = "${email}"` })).toEqual([]);
  });

  test('a search without an index may give empty pages on the way', async ({ emulator }) => {
    emulator.addPool({ id: POOL, syntheticUsers: 20_000 });
    const found = await pages(emulator, { Filter: `email ^= "${syntheticEmail(19_999)}"` });
    expect([found.length > 2, found[0], found.at(-1)]).toEqual([true, 0, 1]);
  });
});

describe('AdminGetUser', () => {
  test('a local user is found by username, sub and email', async ({ emulator }) => {
    const { sub } = emulator.addUser(POOL, { email: 'bob@example.org', username: 'bob' });
    const found = await Promise.all(['bob', sub, 'BOB@example.org'].map((name) => getUser(emulator, name)));
    expect(found.map(({ Username }) => Username)).toEqual(['bob', 'bob', 'bob']);
  });

  test.for(['nobody@example.org', '__proto__', 'constructor'])(
    'nobody is found by the name %s',
    async (name, { emulator }) => {
      expect(await failure(getUser(emulator, name))).toMatchObject({ name: 'UserNotFoundException', status: 400 });
    },
  );

  test('federated people have no email to ask for', async ({ emulator }) => {
    emulator.addUser(POOL, { email: 'fed@example.org', username: 'Google_1', status: 'EXTERNAL_PROVIDER' });
    expect(await failure(getUser(emulator, 'fed@example.org'))).toMatchObject({ name: 'UserNotFoundException' });
    expect(await getUser(emulator, 'Google_1')).toMatchObject({ UserStatus: 'EXTERNAL_PROVIDER' });
  });

  test('an alias works once it is verified, and no email works in a pool of plain usernames', async ({ emulator }) => {
    const users = [{ email: 'a@example.org' }, { email: 'b@example.org', emailVerified: false }];
    emulator.addPool({ id: 'eu-west-2_Alias', users, aliasAttributes: ['email'] });
    emulator.addPool({ id: 'eu-west-2_Plain', users, usernameAttributes: [] });
    const missing = { name: 'UserNotFoundException' };

    expect(await getUser(emulator, 'a@example.org', 'eu-west-2_Alias')).toMatchObject({ Enabled: true });
    expect(await failure(getUser(emulator, 'b@example.org', 'eu-west-2_Alias'))).toMatchObject(missing);
    expect(await failure(getUser(emulator, 'a@example.org', 'eu-west-2_Plain'))).toMatchObject(missing);
  });

  test('case matters in a case-sensitive pool', async ({ emulator }) => {
    emulator.addPool({
      id: POOL,
      caseSensitive: true,
      users: [{ email: 'foo@example.org' }, { email: 'Foo@example.org' }],
    });
    const attributes = (await getUser(emulator, 'Foo@example.org')).UserAttributes;
    expect(attributes).toContainEqual({ Name: 'email', Value: 'Foo@example.org' });
    expect(await failure(getUser(emulator, 'FOO@example.org'))).toMatchObject({ name: 'UserNotFoundException' });
  });

  test.for(['a b', 'a'.repeat(129)])('the username "%s" is an invalid parameter', async (name, { emulator }) => {
    expect(await failure(getUser(emulator, name))).toMatchObject({ name: 'InvalidParameterException' });
  });
});

test('DescribeUserPool says how people sign in and how many there are about', async ({ emulator }) => {
  emulator.addPool({
    id: 'eu-west-2_Big',
    estimatedNumberOfUsers: 12_345,
    caseSensitive: true,
    aliasAttributes: ['email'],
  });
  const describePool = (UserPoolId: string) => client(emulator).send(new DescribeUserPoolCommand({ UserPoolId }));

  expect((await describePool(POOL)).UserPool).toMatchObject({
    EstimatedNumberOfUsers: 1,
    UsernameAttributes: ['email'],
    UsernameConfiguration: { CaseSensitive: false },
    Arn: `arn:aws:cognito-idp:eu-west-2:111122223333:userpool/${POOL}`,
  });
  expect((await describePool('eu-west-2_Big')).UserPool).toMatchObject({
    EstimatedNumberOfUsers: 12_345,
    AliasAttributes: ['email'],
    UsernameConfiguration: { CaseSensitive: true },
  });
});

describe('requests', () => {
  test('a pool that is unknown, or of another region, does not exist', async ({ emulator }) => {
    const missing = { name: 'ResourceNotFoundException', status: 400, message: `User pool ${POOL} does not exist.` };
    expect(await failure(list(emulator, {}, { region: 'eu-west-1' }))).toMatchObject(missing);
    emulator.removePool(POOL);
    expect(await failure(list(emulator))).toMatchObject(missing);
  });

  test('an error has the form of AWS JSON 1.1', async ({ emulator }) => {
    const body = JSON.stringify({ UserPoolId: 'eu-west-2_Nowhere' });
    const response = await raw(emulator, { headers: { ...SIGNED, ...TARGET }, body });

    expect(response.status).toBe(400);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-errortype': 'ResourceNotFoundException:',
      'x-amzn-requestid': expect.any(String),
      date: expect.any(String),
    });
    expect(await response.json()).toEqual({
      __type: 'ResourceNotFoundException',
      message: 'User pool eu-west-2_Nowhere does not exist.',
    });
  });

  test.for<[why: string, headers: Record<string, string>, body: string, name: string]>([
    ['without a signature', TARGET, '{}', 'MissingAuthenticationTokenException'],
    [
      'with half a signature',
      { ...TARGET, authorization: 'AWS4-HMAC-SHA256 nonsense' },
      '{}',
      'IncompleteSignatureException',
    ],
    ['for another operation', { ...SIGNED, 'x-amz-target': 'Other.Thing' }, '{}', 'UnknownOperationException'],
    ['that is no JSON', { ...SIGNED, ...TARGET }, '{"UserPoolId":', 'SerializationException'],
    ['that is no object', { ...SIGNED, ...TARGET }, '[]', 'SerializationException'],
  ])('a request %s is refused', async ([, headers, body, name], { emulator }) => {
    const response = await raw(emulator, { headers, body });
    expect([response.status, await response.json()]).toMatchObject([400, { __type: name }]);
  });
});

describe('quotas', () => {
  test('calls over the quota of an account and region are throttled with a 400, over all its pools', async ({
    emulator,
  }) => {
    const passMs = holdTheClock();
    emulator.addPool({ id: 'eu-west-2_Sibling' });
    emulator.addPool({ id: 'eu-west-2_Other', account: '999900001111' });
    emulator.setQuotas({ UserList: 4 });
    const together = ['eu-west-2_Sibling', POOL, POOL, POOL, POOL, POOL, 'eu-west-2_Sibling'];

    const calls = await Promise.allSettled(together.map((UserPoolId) => list(emulator, { UserPoolId })));
    const refused = calls.filter(({ status }) => status === 'rejected');

    expect(refused).toHaveLength(3);
    expect(await failure(list(emulator))).toEqual({
      name: 'TooManyRequestsException',
      message: 'Rate exceeded',
      code: undefined,
      status: 400,
      fault: 'client',
    });
    expect(await emails(emulator, { UserPoolId: 'eu-west-2_Other' })).toEqual([]);
    expect(await getUser(emulator, 'alice@example.org')).toMatchObject({ Enabled: true }); // a quota of its own
    expect(emulator.counts).toMatchObject({ calls: { ListUsers: 9 }, throttled: { ListUsers: 4, AdminGetUser: 0 } });
    expect(emulator.counts.maxPerSecond).toMatchObject({ '111122223333/eu-west-2': { ListUsers: 8 } });

    passMs(250);
    expect(await emails(emulator)).toHaveLength(1);
    expect(await failure(list(emulator))).toMatchObject({ name: 'TooManyRequestsException' });
  });

  test('calls are counted by operation, pool and email, and by the busiest second', async ({ emulator }) => {
    await list(emulator, { Filter: 'email = "Alice@example.org"' });
    await list(emulator, { Filter: 'email ^= "alice"' });
    await getUser(emulator, 'alice@example.org');

    expect(emulator.counts).toEqual({
      calls: { ListUsers: 2, AdminGetUser: 1, DescribeUserPool: 0, AssumeRole: 0 },
      throttled: { ListUsers: 0, AdminGetUser: 0, DescribeUserPool: 0 },
      byPool: { [POOL]: 3 },
      byEmail: { 'alice@example.org': 2 },
      maxPerSecond: { '111122223333/eu-west-2': { ListUsers: 2, AdminGetUser: 1, DescribeUserPool: 0 } },
    });
    emulator.resetCounts();
    expect(emulator.counts.byPool).toEqual({});
  });
});

describe('faults, as the SDK sees them', () => {
  const QUICK = { requestTimeout: 300, socketTimeout: 300 };

  test.for<[why: string, fault: Fault, expected: Partial<Awaited<ReturnType<typeof failure>>>]>([
    [
      'an internal error',
      { kind: 'error', name: 'InternalErrorException' },
      { name: 'InternalErrorException', status: 500, fault: 'server' },
    ],
    [
      'an internal error with a 400',
      { kind: 'error', name: 'InternalErrorException', status: 400 },
      { name: 'InternalErrorException', status: 400, fault: 'server' },
    ],
    [
      'a missing permission',
      { kind: 'error', name: 'AccessDeniedException', message: 'not authorized' },
      { name: 'AccessDeniedException', message: 'not authorized', status: 400, fault: 'client' },
    ],
    [
      'an unavailable service',
      { kind: 'error', name: 'ServiceUnavailable', status: 503 },
      { name: 'ServiceUnavailable', status: 503, fault: 'server' },
    ],
    ['an empty 503', { kind: 'http', status: 503 }, { name: 'Unknown', status: 503, fault: 'server' }],
    [
      'an html 502',
      { kind: 'http', status: 502, body: '<html>Bad Gateway</html>' },
      { name: 'SyntaxError', status: 502 },
    ],
    [
      'an html 403',
      { kind: 'http', status: 403, contentType: 'text/html', body: '<html>' },
      { name: 'SyntaxError', status: 403 },
    ],
    ['an empty 400', { kind: 'http', status: 400 }, { name: 'Unknown', status: 400, fault: 'client' }],
    ['a redirect', { kind: 'http', status: 302 }, { name: 'Unknown', status: 302, fault: 'client' }],
    [
      'a 200 of html',
      { kind: 'http', status: 200, body: '<html>Sign in</html>' },
      { name: 'SyntaxError', status: 200 },
    ],
    ['a truncated 200', { kind: 'http', status: 200, body: '{"Users":[{"Use' }, { name: 'SyntaxError', status: 200 }],
    [
      'an ISO date',
      { kind: 'http', status: 200, body: '{"Users":[{"UserCreateDate":"2026-01-01T00:00:00Z"}]}' },
      { name: 'TypeError', status: 200 },
    ],
    ['a reset', { kind: 'reset' }, { name: 'TimeoutError', code: 'ECONNRESET', status: undefined }],
    ['a reset within the body', { kind: 'reset-mid-body' }, { name: 'Error', code: 'ECONNRESET', status: 200 }],
    ['no answer', { kind: 'hang' }, { name: 'TimeoutError', code: 'ETIMEDOUT', status: undefined }],
    ['a body that stalls', { kind: 'stall-body' }, { name: 'TimeoutError', status: 200 }],
    ['a late answer', { kind: 'latency', ms: 60_000 }, { name: 'TimeoutError', code: 'ETIMEDOUT', status: undefined }],
    ['an expired token', { kind: 'expired-token' }, { name: 'ExpiredTokenException', status: 400 }],
  ])('%s', async ([, fault, expected], { emulator }) => {
    const id = emulator.setFault({ ...fault, operation: 'ListUsers', pool: POOL });
    expect(await failure(list(emulator, {}, { timeouts: QUICK }))).toMatchObject(expected);

    emulator.clearFault(id);
    expect(await emails(emulator)).toEqual(['alice@example.org']);
  });

  test.for(['', '{}', 'null', '[]', '{"Users":null}'])(
    'a 200 of "%s" looks like an answer without users',
    async (body, { emulator }) => {
      emulator.setFault({ kind: 'http', status: 200, body, times: 1 });
      const answer = await list(emulator);
      expect(answer.Users ?? undefined).toBeUndefined();
      expect(await emails(emulator)).toEqual(['alice@example.org']);
    },
  );

  test('a body that drips is whole in the end, unless the caller has had enough', async ({ emulator }) => {
    emulator.setFault({ kind: 'trickle', bytesPerSecond: 5000, times: 1 });
    expect(await emails(emulator)).toEqual(['alice@example.org']);

    emulator.setFault({ kind: 'trickle', bytesPerSecond: 50 });
    const send = client(emulator).send(new ListUsersCommand({ UserPoolId: POOL }), {
      abortSignal: AbortSignal.timeout(200),
    });
    expect(await failure(send)).toMatchObject({ name: 'AbortError' });
  });

  test('a skewed clock shows in the Date header of a normal answer', async ({ emulator }) => {
    emulator.setFault({ kind: 'skewed-date', ms: 10 * 60_000 });
    const body = JSON.stringify({ UserPoolId: POOL });
    const response = await raw(emulator, { headers: { ...SIGNED, ...TARGET }, body });

    expect(response.status).toBe(200);
    expect(Date.parse(response.headers.get('date') ?? '') - Date.now()).toBeGreaterThan(9 * 60_000);
  });

  test('latency delays every answer and not the others behind it', async ({ emulator }) => {
    emulator.setLatency(100);
    const began = performance.now();
    await Promise.all(Array.from({ length: 10 }, () => emails(emulator)));
    const tookMs = performance.now() - began;
    expect(tookMs).toBeGreaterThan(95);
    expect(tookMs).toBeLessThan(10 * 100);
  });

  test('a fault for one email leaves the others alone', async ({ emulator }) => {
    emulator.setFault({ kind: 'error', name: 'AccessDeniedException', email: 'Alice@example.org' });
    expect(await failure(list(emulator, { Filter: 'email = "alice@example.org"' }))).toMatchObject({
      name: 'AccessDeniedException',
    });
    expect(await failure(getUser(emulator, 'alice@example.org'))).toMatchObject({ name: 'AccessDeniedException' });
    expect(await emails(emulator)).toEqual(['alice@example.org']);
  });

  test('closing ends calls that hang, and from then on nobody listens', async () => {
    const emulator = await startEmulator({ pools: [{ id: POOL }] });
    emulator.setFault({ kind: 'hang' });
    const hanging = failure(list(emulator));
    await vi.waitFor(() => expect(emulator.counts.calls.ListUsers).toBe(1), 10_000);
    await emulator[Symbol.asyncDispose]();

    expect(await hanging).toMatchObject({ code: 'ECONNRESET' });
    expect(await failure(list(emulator))).toMatchObject({ name: 'Error', code: 'ECONNREFUSED' });
  });
});

describe('STS', () => {
  test('AssumeRole gives a new key for an hour each time', async ({ emulator }) => {
    const first = (await assume(emulator, { RoleArn: ROLE })).Credentials;
    const second = (await assume(emulator, { RoleArn: ROLE })).Credentials;

    expect(first?.AccessKeyId).toMatch(/^ASIA[0-9A-F]{16}$/);
    expect(second?.AccessKeyId).not.toBe(first?.AccessKeyId);
    expect((first?.Expiration?.getTime() ?? 0) - Date.now()).toBeGreaterThan(59 * 60_000);
    expect(emulator.counts.calls.AssumeRole).toBe(2);
  });

  test('the key of a role is refused when its hour is over', async ({ emulator }) => {
    const passMs = holdTheClock();
    const { AccessKeyId: accessKeyId = '' } = (await assume(emulator, { RoleArn: ROLE })).Credentials ?? {};
    emulator.addPool({ id: POOL, account: '444455556666' });

    passMs(60 * 60_000 - 1);
    expect(await list(emulator, {}, { accessKeyId })).toMatchObject({ Users: [] });
    passMs(1);
    expect(await failure(list(emulator, {}, { accessKeyId }))).toMatchObject({ name: 'ExpiredTokenException' });
  });

  test('only accepted roles with their external id are given', async () => {
    await using emulator = await startEmulator({ roles: [{ arn: ROLE, externalId: 'tenant-1' }] });
    const denied = { name: 'AccessDenied', status: 403 };

    expect(await assume(emulator, { RoleArn: ROLE, ExternalId: 'tenant-1' })).toHaveProperty('Credentials');
    expect(await failure(assume(emulator, { RoleArn: ROLE, ExternalId: 'tenant-2' }))).toMatchObject(denied);
    expect(await failure(assume(emulator, { RoleArn: ROLE }))).toMatchObject(denied);
    expect(await failure(assume(emulator, { RoleArn: `${ROLE}-2`, ExternalId: 'tenant-1' }))).toMatchObject(denied);
  });

  test('a role sees the pools of its own account only', async ({ emulator }) => {
    emulator.addPool({ id: 'eu-west-2_Tenant', account: '444455556666' });
    const asRole = (UserPoolId: string) => assumingClient(emulator, ROLE).send(new ListUsersCommand({ UserPoolId }));

    expect(await asRole('eu-west-2_Tenant')).toMatchObject({ Users: [] });
    expect(await failure(asRole(POOL))).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(Object.keys(emulator.counts.maxPerSecond)).toEqual(['444455556666/eu-west-2']);
  });

  test('what goes wrong while assuming a role surfaces from the call to Cognito', async ({ emulator }) => {
    emulator.setFault({
      kind: 'error',
      operation: 'AssumeRole',
      name: 'AccessDenied',
      message: 'no <trust>',
      times: 1,
    });
    emulator.setFault({ kind: 'error', operation: 'AssumeRole', name: 'Throttling', times: 1 });
    emulator.setFault({ kind: 'expired-token', operation: 'AssumeRole', times: 1 });
    emulator.setFault({ kind: 'http', operation: 'AssumeRole', status: 502, body: 'Bad Gateway' });
    const call = () => failure(assumingClient(emulator, ROLE).send(new ListUsersCommand({ UserPoolId: POOL })));

    expect(await call()).toMatchObject({ name: 'AccessDenied', status: 403, message: 'no <trust>' });
    expect(await call()).toMatchObject({ name: 'Throttling', status: 400 });
    expect(await call()).toMatchObject({ name: expect.stringContaining('ExpiredToken'), status: 403 });
    expect(await call()).toMatchObject({ name: 'Error', status: 502 }); // no XML, so it does not parse
    expect(emulator.counts.calls.ListUsers).toBe(0);
  });

  test('an expired token stays expired for a client until it is built anew', async ({ emulator }) => {
    emulator.addPool({ id: POOL, account: '444455556666' });
    const poisoned = assumingClient(emulator, ROLE);
    const ask = (cognito: CognitoIdentityProviderClient) => cognito.send(new ListUsersCommand({ UserPoolId: POOL }));
    await ask(poisoned);
    emulator.setFault({ kind: 'expired-token', pool: POOL });

    expect(await failure(ask(poisoned))).toMatchObject({ name: 'ExpiredTokenException' });
    expect(await failure(ask(poisoned))).toMatchObject({ name: 'ExpiredTokenException' });
    expect(await ask(assumingClient(emulator, ROLE))).toMatchObject({ Users: [] });
    expect(emulator.counts.calls.AssumeRole).toBe(2);
  });
});

describe('control from another process', () => {
  test('pools and users are made, changed and removed', async ({ emulator }) => {
    const UserPoolId = 'eu-west-2_Remote';
    await control(emulator, 'POST', 'pools', { id: UserPoolId });
    const added = await control(emulator, 'POST', `pools/${UserPoolId}/users`, { email: 'r@example.org' });
    expect(added).toMatchObject({ status: 200, body: { email: 'r@example.org', sub: expect.any(String) } });

    await control(emulator, 'PATCH', `pools/${UserPoolId}/users/r%40example.org`, { enabled: false });
    expect(await list(emulator, { UserPoolId })).toMatchObject({ Users: [{ Enabled: false }] });
    await control(emulator, 'DELETE', `pools/${UserPoolId}/users/r@example.org`);
    expect(await emails(emulator, { UserPoolId })).toEqual([]);
  });

  test('faults are set and cleared, and calls are counted', async ({ emulator }) => {
    const { body } = await control(emulator, 'POST', 'faults', { kind: 'error', name: 'AccessDeniedException' });
    expect(await failure(list(emulator))).toMatchObject({ name: 'AccessDeniedException' });
    await control(emulator, 'DELETE', `faults/${String(body['id'])}`);
    expect(await emails(emulator)).toHaveLength(1);

    await control(emulator, 'POST', 'faults', { kind: 'reset' });
    await control(emulator, 'DELETE', 'faults');
    await control(emulator, 'POST', 'quotas', { UserList: 1 });
    await control(emulator, 'POST', 'latency', { ms: 1 });
    await emails(emulator);
    expect(await failure(list(emulator))).toMatchObject({ name: 'TooManyRequestsException' });
    expect(await control(emulator, 'GET', 'counts')).toMatchObject({ body: { calls: { ListUsers: 4 } } });
    expect(await control(emulator, 'GET', 'health')).toEqual({ status: 200, body: { status: 'ok' } });
  });

  test.for<[path: string, body: object]>([
    ['faults', { kind: 'explode' }],
    ['faults', { kind: 'hang', opertion: 'ListUsers' }],
    ['faults', { kind: 'hang', operation: 'ListGroups' }],
    ['faults', { kind: 'hang', times: '3' }],
    ['pools', { id: 'nonsense' }],
    ['pools/eu-west-2_Nowhere/users', { email: 'a@example.org' }],
    [`pools/${POOL}/users`, {}],
  ])('%s refuses %o and says why', async ([path, body], { emulator }) => {
    const answer = await control(emulator, 'POST', path, body);
    expect(answer).toMatchObject({ status: 400, body: { error: expect.any(String) } });
  });

  test('a path that leads nowhere is a 404', async ({ emulator }) => {
    expect(await control(emulator, 'GET', 'nonsense')).toMatchObject({ status: 404 });
    expect(await control(emulator, 'GET', '%')).toMatchObject({ status: 400 });
  });
});

test('a client that leaves in the middle of a request does no harm', async ({ emulator }) => {
  const socket = connect(emulator.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{');
  socket.resetAndDestroy();

  expect(await emails(emulator)).toEqual(['alice@example.org']);
});

test('as a process of its own it says where it listens, serves the sample pool, and leaves on SIGTERM', async () => {
  const env = { ...process.env, PORT: '0', HOST: '', EMULATOR_POOLS: '' };
  const child = spawn(process.execPath, ['demo/emulator.ts'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [url = ''] = /http:\S+\d/.exec(line.toString()) ?? [];

  const { Users } = await client({ url }).send(new ListUsersCommand({ UserPoolId: 'eu-west-2_AbCdEfGhI' }));
  expect(Users).toHaveLength(5);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

const run = (env: Env) => runCli([], { script: 'demo/emulator.ts', env: { PORT: '0', ...env } });

describe('as a process of its own that cannot start it says why in a line, and what to do about it:', () => {
  test('its port is taken', async ({ emulator }) => {
    const { exitCode, stderr } = await run({ PORT: `${emulator.port}` });

    expect(exitCode).toBe(5);
    expect(stderr).toBe(
      `emulator: cannot listen on 127.0.0.1:${emulator.port} (EADDRINUSE); choose another with HOST and PORT, and name it in userPool.endpoint\n`,
    );
  });

  test.for(['abc', '65536', '-1'])('%s is no port', async (PORT) => {
    const stderr = 'emulator: PORT: expected a whole number from 0 to 65535\n';
    expect(await run({ PORT })).toMatchObject({ exitCode: 2, stderr });
  });

  test.for<[why: string, text: string | null, says: string]>([
    ['there is no such file', null, 'cannot be read (ENOENT)'],
    ['it is no JSON', 'pools: []', 'is no JSON'],
    ['it is another JSON', '{}', 'cannot be used (expected an array of pools)'],
    ['it holds no pool', '[{"id":"x"}]', 'cannot be used (no user pool id: x; like eu-west-2_AbCdEfGhI)'],
  ])('of the pools, %s', async ([, text, says]) => {
    const directory = await mkdtemp(join(tmpdir(), 'rolecall-emulator-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const EMULATOR_POOLS = join(directory, 'pools.json');
    if (text !== null) await writeFile(EMULATOR_POOLS, text);

    const stderr = `emulator: EMULATOR_POOLS: ${EMULATOR_POOLS} ${says}; name a file like demo/pools.json\n`;
    expect(await run({ EMULATOR_POOLS })).toMatchObject({ exitCode: 2, stderr });
  });
});
