import type { Email, Sub } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { TenantSettings } from '#shared/contract/tenant-settings.ts';

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

/** Not asked yet, or not to the end: come back then. */
export interface Postponed {
  readonly kind: 'paced';
  readonly waitMs: number;
}

export type UserPool = TenantSettings['userPool'];

/** What answered: a walk through the whole pool, AdminGetUser, or a filtered ListUsers. */
export type LookupSource = 'scan' | 'get' | 'filter';

/** Who is this email? Never throws: what can go wrong stands in the answer. */
export interface UserDirectory {
  /** Gets ready to ask this pool, credentials included, so that `find` is one request. Never throws. */
  prepare(pool: UserPool): Promise<void>;
  /** The slot of its first request, `pool.lookup`, is reserved by the caller. */
  find(email: Email, pool: UserPool, signal: AbortSignal): Promise<Lookup | Postponed>;
}

/** Not the tenant: two may share a pool. But who may read it does matter. */
export function poolKey({ id, region, endpoint, assumeRole }: UserPool): string {
  return JSON.stringify([id, region, endpoint, assumeRole?.arn, assumeRole?.externalId]);
}
