import { expect, test } from 'vitest';
import { Sub } from '#shared/contract/ids.ts';
import type { Outcome } from '../../../src/worker/outcome.ts';
import { judgeLookup, type Entitled, type JudgedSeed } from '../../../src/worker/judge-lookup.ts';
import type { Lookup } from '../../../src/worker/cognito/user-directory.ts';

const sub = Sub.parse('26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01');
const found = { kind: 'found', sub, enabled: true, emailVerified: true } as const;
const missing = { kind: 'missing' } as const;
const refused = { kind: 'failed', reason: 'credentials-invalid', cause: 'the key' } as const;
const unverified = { ...found, emailVerified: false };
const disabled = { ...found, enabled: false };

interface Sketch extends Partial<Omit<JudgedSeed, 'identity'>> {
  readonly identity?: Partial<JudgedSeed['identity']>;
}
const seed = ({ identity, ...given }: Sketch = {}): JudgedSeed => ({
  state: 'pending',
  suspicion: null,
  onMissing: 'block',
  userPool: { id: 'eu-west-2_AbCdEfGhX', region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 },
  ...given,
  identity: { requireVerifiedEmail: true, onDisabled: 'skip', ...identity },
});
const seen = (reason: 'user-missing' | 'credentials-invalid', sightings: number) => ({
  suspicion: { reason, sightings },
});

test.for<[what: string, lookup: Lookup, given: JudgedSeed, expected: Outcome | Entitled]>([
  ['a verified user is entitled', found, seed(), { kind: 'entitled', sub }],
  [
    'an unverified email may belong to somebody else',
    unverified,
    seed(),
    { kind: 'blocked', reason: 'email-unverified' },
  ],
  [
    'an unverified email, where the tenant trusts it',
    unverified,
    seed({ identity: { requireVerifiedEmail: false } }),
    { kind: 'entitled', sub },
  ],
  ['a disabled user is skipped', disabled, seed(), { kind: 'skipped', reason: 'user-disabled' }],
  [
    'a disabled user, where that blocks',
    disabled,
    seed({ identity: { onDisabled: 'block' } }),
    { kind: 'blocked', reason: 'user-disabled' },
  ],
  [
    'a disabled user, where that does not matter',
    disabled,
    seed({ identity: { onDisabled: 'grant' } }),
    { kind: 'entitled', sub },
  ],
  [
    'a disabled user who is granted must be verified still',
    { ...disabled, emailVerified: false },
    seed({ identity: { onDisabled: 'grant' } }),
    { kind: 'blocked', reason: 'email-unverified' },
  ],
  [
    'a missing user is looked for once more',
    missing,
    seed(),
    { kind: 'suspected', suspicion: { reason: 'user-missing', sightings: 1 } },
  ],
  [
    'a user who is missing again blocks',
    missing,
    seed(seen('user-missing', 1)),
    { kind: 'blocked', reason: 'user-missing' },
  ],
  [
    'a missing user, where that is fine',
    missing,
    seed({ ...seen('user-missing', 1), onMissing: 'skip' }),
    { kind: 'skipped', reason: 'user-missing' },
  ],
  [
    'a missing user who will appear',
    missing,
    seed({ ...seen('user-missing', 1), onMissing: 'wait' }),
    { kind: 'waiting', reason: 'user-missing' },
  ],
  [
    'who was waited for is still missing',
    missing,
    seed({ state: 'waiting', onMissing: 'wait' }),
    { kind: 'waiting', reason: 'user-missing' },
  ],
  [
    'a throttle between two looks does not forget the first',
    missing,
    seed({ state: 'retrying', ...seen('user-missing', 1) }),
    { kind: 'blocked', reason: 'user-missing' },
  ],
  [
    'another suspicion starts from one',
    missing,
    seed(seen('credentials-invalid', 2)),
    { kind: 'suspected', suspicion: { reason: 'user-missing', sightings: 1 } },
  ],
  [
    'UserNotFoundException is a missing user too',
    { kind: 'failed', reason: 'user-missing', cause: 0 },
    seed(),
    { kind: 'suspected', suspicion: { reason: 'user-missing', sightings: 1 } },
  ],
  [
    'refused keys are tried again, as keys are rotated',
    refused,
    seed(),
    { kind: 'suspected', suspicion: { reason: 'credentials-invalid', sightings: 1 } },
  ],
  [
    'refused keys, the second time',
    refused,
    seed(seen('credentials-invalid', 1)),
    { kind: 'suspected', suspicion: { reason: 'credentials-invalid', sightings: 2 } },
  ],
  [
    'keys refused for the third time block',
    refused,
    seed(seen('credentials-invalid', 2)),
    { kind: 'blocked', reason: 'credentials-invalid', cause: 'the key' },
  ],
  [
    'a throttle is tried again',
    { kind: 'failed', reason: 'throttled', cause: 1 },
    seed(),
    { kind: 'retrying', reason: 'throttled', cause: 1 },
  ],
  [
    'a pool that does not exist is named',
    { kind: 'failed', reason: 'pool-not-found', cause: 1 },
    seed(),
    { kind: 'blocked', reason: 'pool-not-found', cause: 1, fix: 'no pool eu-west-2_AbCdEfGhX in eu-west-2' },
  ],
  [
    'no permission blocks',
    { kind: 'failed', reason: 'access-denied', cause: 1 },
    seed(),
    { kind: 'blocked', reason: 'access-denied', cause: 1 },
  ],
  [
    'a bug blocks',
    { kind: 'failed', reason: 'unexpected', cause: 1 },
    seed(),
    { kind: 'blocked', reason: 'unexpected', cause: 1 },
  ],
])('%s', ([, lookup, given, expected]) => {
  expect(judgeLookup(lookup, given)).toEqual(expected);
});
