import type { EntityManager } from '@mikro-orm/postgresql';
import type { RoleId, RunId, Scope, SeedId, Sub, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import type { GrantMode, TenantSettings } from '#shared/contract/tenant-settings.ts';

export interface WantedGrants {
  readonly run: RunId;
  readonly seedId: SeedId;
  readonly tenant: TenantId;
  readonly sub: Sub;
  readonly roles: readonly SeedRole[];
  readonly mode: GrantMode;
  readonly grants: TenantSettings['grants'];
}

/** As the table holds it. */
export interface MadeGrant {
  readonly seedId: SeedId;
  readonly role: RoleId;
  readonly scope: Scope | null;
}

export type GrantsWritten =
  /** `made`: the grants that these seeds made, now or in an earlier attempt that did not get to say so. */
  | { readonly kind: 'written'; readonly made: readonly MadeGrant[] }
  /** What was known of the table no longer fits it. Roll back, and write with `readAfresh`. */
  | { readonly kind: 'outdated' }
  /** Roll back. */
  | GrantsFailed;

export interface GrantsFailed {
  readonly kind: 'failed';
  readonly reason: Reason;
  readonly cause: unknown;
  /** What would mend it, mostly a statement; no secrets. */
  readonly fix?: string;
}

export interface WriteOptions {
  /** Trust nothing that was learned about the table before. */
  readonly readAfresh: boolean;
}

/** Where the grants of tenants are kept. */
export interface GrantStore {
  /** Nothing has to be asked: grants could be written a moment ago. */
  isVerified(grants: TenantSettings['grants']): boolean;
  /** Whether grants could be written: `null`, they could. */
  verify(em: EntityManager, grants: TenantSettings['grants']): Promise<GrantsFailed | null>;
  /**
   * Makes the grants of some seeds, all of one place and no two of one holder, in the transaction of `tx`. That must be READ
   * COMMITTED: what comes after a lock has to see what was committed before it. Again, or by copies at the same time, makes
   * no second one.
   */
  write(
    tx: EntityManager,
    place: TenantSettings['grants'],
    wanted: readonly WantedGrants[],
    options: WriteOptions,
  ): Promise<GrantsWritten>;
}
