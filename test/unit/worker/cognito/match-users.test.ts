import type { UserType } from '@aws-sdk/client-cognito-identity-provider';
import { expect, test } from 'vitest';
import { Email } from '#shared/contract/ids.ts';
import { matchClearly, matchUsers, withoutTheRest } from '../../../../src/worker/cognito/match-users.ts';
import type { Lookup } from '../../../../src/worker/cognito/user-directory.ts';

const EMAIL = Email.parse('Ada@example.org');
const SUB = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01';

interface Row {
  readonly email?: string;
  readonly sub?: string | null;
  readonly verified?: string;
  readonly enabled?: boolean;
  readonly username?: string;
  readonly status?: UserType['UserStatus'];
  readonly identities?: string;
}

function user({ email = 'ada@example.org', sub = SUB, verified = 'true', enabled = true, ...row }: Row = {}): UserType {
  const attributes = {
    email,
    email_verified: verified,
    ...(sub !== null && { sub }),
    ...(row.identities && { identities: row.identities }),
  };
  return {
    Username: row.username ?? SUB,
    Enabled: enabled,
    UserStatus: row.status ?? 'CONFIRMED',
    Attributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
  };
}

const google = { username: 'Google_1234', status: 'EXTERNAL_PROVIDER', sub: SUB.replace('26a2', '77f0') } as const;
const linkedTo = (providerName: string, userId: string) => JSON.stringify([{ userId, providerName, primary: false }]);
const AMBIGUOUS = { kind: 'failed', reason: 'email-ambiguous' } as const;

test.for<[what: string, users: UserType[], expected: Partial<Lookup>]>([
  ['nobody', [], { kind: 'missing' }],
  [
    'the one user, whatever the case',
    [user()],
    { kind: 'found', sub: SUB as never, enabled: true, emailVerified: true },
  ],
  ['a disabled user', [user({ enabled: false })], { kind: 'found', enabled: false }],
  ['an unverified email', [user({ verified: 'false' })], { kind: 'found', emailVerified: false }],
  ['a user of whom nothing says that the email is verified', [user({ verified: '' })], { emailVerified: false }],
  ['two users, never the first of them', [user(), user({ email: 'ADA@example.org' })], AMBIGUOUS],
  ['two users, one of them disabled', [user(), user({ enabled: false })], AMBIGUOUS],
  [
    'a linked federated profile: its native one',
    [user(google), user({ identities: linkedTo('Google', '1234') })],
    { sub: SUB as never },
  ],
  [
    'a federated profile that is linked elsewhere',
    [user(google), user({ identities: linkedTo('Google', '9') })],
    AMBIGUOUS,
  ],
  ['a federated profile beside a native one, not linked', [user(google), user()], AMBIGUOUS],
  ['identities that are no JSON', [user(google), user({ identities: '{' })], AMBIGUOUS],
  ['a federated profile alone', [user(google)], { kind: 'found', sub: google.sub as never }],
  ['other people: the filter was ignored', [user({ email: 'eve@example.org' })], { kind: 'missing' }],
  [
    'the user among others',
    [user({ email: 'eve@example.org', sub: google.sub }), user()],
    { kind: 'found', sub: SUB as never },
  ],
  ['an email that only begins alike', [user({ email: 'ada@example.org.evil.test' })], { kind: 'missing' }],
  ['a user without a sub', [user({ sub: null })], { kind: 'failed', reason: 'cognito-unavailable' }],
  ['a user whose sub is none', [user({ sub: 'ada' })], { kind: 'failed', reason: 'cognito-unavailable' }],
  ['a user without attributes', [{ Username: 'x' }], { kind: 'missing' }],
])('%s', ([, users, expected]) => {
  expect(matchUsers(EMAIL, users)).toMatchObject(expected);
});

test.for<[what: string, users: UserType[], clear: boolean]>([
  ['the one user', [user()], true],
  ['a linked federated profile', [user(google), user({ identities: linkedTo('Google', '1234') })], true],
  ['nobody', [], false],
  ['somebody else', [user({ email: 'eve@example.org' })], false],
  ['two users', [user(), user({ username: 'other' })], false],
  ['a disabled user', [user({ enabled: false })], false],
  ['an unverified email', [user({ verified: 'false' })], false],
  ['a user without a sub', [user({ sub: null })], false],
])('in passing, only a yes without a doubt counts: %s', ([, users, clear]) => {
  expect(matchClearly(EMAIL, users) !== null).toBe(clear);
  expect(matchClearly(EMAIL, users.map(withoutTheRest))).toEqual(matchClearly(EMAIL, users));
});

test('of a user whom nobody asked for, only what matching looks at is kept', () => {
  const [row] = [user()];
  const phone = { Name: 'phone_number', Value: '+440000000000' };
  expect(withoutTheRest({ ...row, Attributes: [...(row?.Attributes ?? []), phone] })).toEqual(row);
});

test('why several match is told without naming anybody', () => {
  const lookup = matchUsers(EMAIL, [user(), user({ username: 'other@example.org' })]);
  expect(JSON.stringify(lookup)).not.toContain('@');
});
