import type { Sub } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { Suspicion } from '#shared/contract/seed-state.ts';
import type { OnDisabled, OnMissing } from '#shared/contract/tenant-settings.ts';
import type { Lookup } from './cognito/user-directory.ts';
import { failed, type Outcome } from './outcome.ts';
import type { TakenSeed } from './take-seed.ts';

export interface Entitled {
  readonly kind: 'entitled';
  readonly sub: Sub;
}

/**
 * How often an answer must come before it counts. A missing user once more, as ListUsers is eventually consistent; refused
 * keys twice more, each time with a fresh client, as key rotation is.
 */
const SIGHTINGS_NEEDED = { 'user-missing': 2, 'credentials-invalid': 3 } as const satisfies Record<
  Suspicion['reason'],
  number
>;

const ON_MISSING = {
  block: { kind: 'blocked', reason: 'user-missing' },
  skip: { kind: 'skipped', reason: 'user-missing' },
  wait: { kind: 'waiting', reason: 'user-missing' },
} as const satisfies Record<OnMissing, Outcome>;

const ON_DISABLED = {
  skip: { kind: 'skipped', reason: 'user-disabled' },
  block: { kind: 'blocked', reason: 'user-disabled' },
  grant: null,
} as const satisfies Record<OnDisabled, Outcome | null>;

export type JudgedSeed = Pick<TakenSeed, 'state' | 'suspicion' | 'onMissing' | 'identity' | 'userPool'>;

/** Pure: who may be granted, and what becomes of everyone else. */
export function judgeLookup(lookup: Lookup, seed: JudgedSeed): Outcome | Entitled {
  switch (lookup.kind) {
    case 'failed': {
      if (lookup.reason === 'user-missing') return judgeMissing(seed);
      if (lookup.reason === 'credentials-invalid') {
        return sightOnceMore('credentials-invalid', seed) ?? failed(lookup.reason, lookup.cause);
      }
      return failed(lookup.reason, lookup.cause, fixOf(lookup.reason, seed));
    }
    case 'missing':
      return judgeMissing(seed);
    case 'found': {
      const { onDisabled, requireVerifiedEmail } = seed.identity;
      const refusal = lookup.enabled ? null : ON_DISABLED[onDisabled];
      if (refusal !== null) return refusal;
      if (!lookup.emailVerified && requireVerifiedEmail) return { kind: 'blocked', reason: 'email-unverified' };
      return { kind: 'entitled', sub: lookup.sub };
    }
    default:
      return lookup satisfies never;
  }
}

function fixOf(reason: Reason, { userPool }: JudgedSeed): string | undefined {
  return reason === 'pool-not-found' ? `no pool ${userPool.id} in ${userPool.region}` : undefined;
}

/** Who was waited for is still missing: that is no news, and needs no second look. */
function judgeMissing(seed: JudgedSeed): Outcome {
  const known = seed.state === 'waiting' && seed.onMissing === 'wait';
  return (known ? null : sightOnceMore('user-missing', seed)) ?? ON_MISSING[seed.onMissing];
}

/** `null`: seen often enough. Another suspicion starts from one. */
function sightOnceMore(reason: Suspicion['reason'], { suspicion }: JudgedSeed): Outcome | null {
  const sightings = (suspicion?.reason === reason ? suspicion.sightings : 0) + 1;
  return sightings < SIGHTINGS_NEEDED[reason] ? { kind: 'suspected', suspicion: { reason, sightings } } : null;
}
