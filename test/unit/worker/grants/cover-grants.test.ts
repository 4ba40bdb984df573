import { expect, test } from 'vitest';
import { coverGrants } from '../../../../src/worker/grants/cover-grants.ts';
import type { UniqueIndex } from '../../../../src/worker/grants/read-catalog.ts';

const index = (columns: string, more: Partial<UniqueIndex> = {}): UniqueIndex => ({
  columns: columns.split(' '),
  predicate: 'all',
  nullsAreEqual: false,
  ...more,
});
const USER_ROLE = { columns: ['user_id', 'role_id'], scope: undefined };
const WITH_SCOPE = { ...USER_ROLE, scope: 'trust_id' };
const NOTHING = { unscoped: null, scoped: null };

test.for<[what: string, key: typeof USER_ROLE | typeof WITH_SCOPE, indexes: UniqueIndex[], expected: object]>([
  ['no index', USER_ROLE, [], NOTHING],
  ['a key of its own', USER_ROLE, [index('id')], NOTHING],
  [
    'user and role, in any order',
    USER_ROLE,
    [index('role_id user_id')],
    { unscoped: '("role_id", "user_id")', scoped: null },
  ],
  ['an index over fewer columns would stop a grant that is missing', USER_ROLE, [index('user_id')], NOTHING],
  ['an index over more does not stop the second', USER_ROLE, [index('user_id role_id source')], NOTHING],
  ['an index of some rows is not understood', USER_ROLE, [index('user_id role_id', { predicate: 'other' })], NOTHING],
  [
    'the two partial indexes of FLIP',
    WITH_SCOPE,
    [
      index('user_id role_id', { predicate: 'scope-null' }),
      index('user_id role_id trust_id', { predicate: 'scope-given' }),
    ],
    {
      unscoped: '("user_id", "role_id") where "trust_id" is null',
      scoped: '("user_id", "role_id", "trust_id") where "trust_id" is not null',
    },
  ],
  [
    'to a plain index two nulls differ',
    WITH_SCOPE,
    [index('user_id role_id trust_id')],
    { unscoped: null, scoped: '("user_id", "role_id", "trust_id")' },
  ],
  [
    'unless it says otherwise',
    WITH_SCOPE,
    [index('user_id role_id trust_id', { nullsAreEqual: true })],
    { unscoped: '("user_id", "role_id", "trust_id")', scoped: '("user_id", "role_id", "trust_id")' },
  ],
  ['one scope per role is stricter than what is asked', WITH_SCOPE, [index('user_id role_id')], NOTHING],
  [
    'the index of the other half',
    WITH_SCOPE,
    [
      index('user_id role_id trust_id', { predicate: 'scope-null' }),
      index('user_id role_id', { predicate: 'scope-given' }),
    ],
    NOTHING,
  ],
])('%s', ([, key, indexes, expected]) => {
  expect(coverGrants(key, indexes)).toEqual(expected);
});
