import type { UserType } from '@aws-sdk/client-cognito-identity-provider';
import { z } from 'zod';
import { emailKey, Sub } from '#shared/contract/ids.ts';
import type { FoundUser, Lookup } from './user-directory.ts';

/**
 * Pure: the one user who has this email, out of all that Cognito returned. Emails are compared here once more: an
 * endpoint that ignored the filter would return everybody. Never the first of several.
 */
export function matchUsers(email: string, users: readonly UserType[]): Lookup {
  const matching = users.filter((user) => emailKey(attribute(user, 'email') ?? '') === emailKey(email));
  const people = matching.filter((user) => !matching.some((other) => isLinkedTo(user, other)));
  const [user] = people;
  if (user === undefined) return { kind: 'missing' };
  if (people.length > 1) return { kind: 'failed', reason: 'email-ambiguous', cause: `${people.length} matches` };
  const sub = Sub.safeParse(attribute(user, 'sub'));
  if (!sub.success) return { kind: 'failed', reason: 'cognito-unavailable', cause: 'a user without a sub' };
  return {
    kind: 'found',
    sub: sub.data,
    enabled: user.Enabled !== false, // Cognito always says which; an emulator may leave it out
    emailVerified: attribute(user, 'email_verified') === 'true',
  };
}

/** Pure: an answer that may be had in passing. `null`: anything but a yes without a doubt, and then a direct look decides. */
export function matchClearly(email: string, users: readonly UserType[]): FoundUser | null {
  const lookup = matchUsers(email, users);
  return lookup.kind === 'found' && lookup.enabled && lookup.emailVerified ? lookup : null;
}

const Identities = z.array(z.object({ userId: z.string(), providerName: z.string() }));

/**
 * A federated profile that is linked to a native one stays in the pool as a row of its own, named `<provider>_<user id>`;
 * whoever signs in through it gets the native profile's sub (AWS: Linking federated users to an existing user profile).
 */
function isLinkedTo(federated: UserType, native: UserType): boolean {
  if (federated === native || federated.UserStatus !== 'EXTERNAL_PROVIDER') return false;
  if (native.UserStatus === 'EXTERNAL_PROVIDER') return false;
  return identitiesOf(native).some(
    ({ providerName, userId }) =>
      `${providerName}_${userId}`.toLowerCase() === (federated.Username ?? '').toLowerCase(),
  );
}

function identitiesOf(user: UserType): z.infer<typeof Identities> {
  const text = attribute(user, 'identities');
  if (text === undefined) return [];
  try {
    return Identities.safeParse(JSON.parse(text)).data ?? [];
  } catch {
    return []; // not JSON: then it links nothing, and two rows stay ambiguous
  }
}

/** As far as matching looks at it: of many users nothing else is kept. */
export function withoutTheRest({ Username, Enabled, UserStatus, Attributes }: UserType): UserType {
  return { Username, Enabled, UserStatus, Attributes: Attributes?.filter(({ Name }) => LOOKED_AT.has(Name)) };
}

const LOOKED_AT: ReadonlySet<string | undefined> = new Set(['sub', 'email', 'email_verified', 'identities']);

export function attribute(user: UserType, name: string): string | undefined {
  return user.Attributes?.find(({ Name }) => Name === name)?.Value;
}
