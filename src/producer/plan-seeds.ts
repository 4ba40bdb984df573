import type { Email, TenantId } from '#shared/contract/ids.ts';
import { maskEmail, type Label } from '#shared/contract/label.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import type { GrantMode, OnMissing } from '#shared/contract/tenant-settings.ts';
import type { Manifest } from './manifest/manifest.ts';

export interface PlannedSeed {
  readonly tenant: TenantId;
  readonly email: Email;
  readonly label: Label;
  readonly roles: readonly SeedRole[];
  readonly onMissing: OnMissing;
  readonly mode: GrantMode;
  /** Its place among the tenant's seeds, from 0: it decides whose turn it is. */
  readonly ordinal: number;
}

/** Pure: the seeds of a manifest, one by one, since there may be a hundred thousand. */
export function* planSeeds(manifest: Manifest): Generator<PlannedSeed> {
  for (const { id, seeds } of manifest.tenants) {
    for (const [ordinal, { email, roles, onMissing, mode }] of seeds.entries()) {
      yield { tenant: id, email, label: maskEmail(email), roles, onMissing, mode, ordinal };
    }
  }
}
