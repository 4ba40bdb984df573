import type { Email, Sub } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { LookupOperation, TenantSettings } from '#shared/contract/tenant-settings.ts';

export interface FoundUser {
  readonly kind: 'found';
  readonly sub: Sub;
  readonly enabled: boolean;
  readonly emailVerified: boolean;
}

/** What the directory knows about an email. A missing user is an answer; that the question failed is one too. */
export type Lookup =
  | FoundUser
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly reason: Reason; readonly cause: unknown };

export type UserPool = TenantSettings['userPool'];

export type CognitoOperation = LookupOperation | 'DescribeUserPool';

/** What answered: a walk through the whole pool, AdminGetUser, or a filtered ListUsers. */
export type LookupSource = 'scan' | 'get' | 'filter';

/** Who is this email? Never throws: what can go wrong stands in the answer. */
export interface UserDirectory {
  /** The slot of its first request, `pool.lookup`, is reserved by the caller. */
  find(email: Email, pool: UserPool, signal: AbortSignal): Promise<Lookup>;
  /** Gets credentials ahead of time: a slot is for one moment, and assuming a role takes longer. */
  prepare(pool: UserPool): Promise<void>;
}
