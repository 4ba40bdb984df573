import type { Email, TenantId } from '#shared/contract/ids.ts';
import { maskEmail, type Label } from '#shared/contract/label.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import type { GrantMode, OnMissing } from '#shared/contract/tenant-settings.ts';
import type { Manifest, ManifestTenant } from './manifest/manifest.ts';

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

/**
 * Pure: the seeds of a manifest, one by one, since there may be a hundred thousand. In turns, as they are worked on: the first
 * ones of all tenants come before the second ones, so that no tenant waits until all jobs of the others are added.
 */
export function* planSeeds({ tenants }: Manifest): Generator<PlannedSeed> {
  const unfinished = new Set(tenants.map(planTenant));
  while (unfinished.size > 0) {
    for (const seeds of unfinished) {
      const next = seeds.next();
      if (next.done) unfinished.delete(seeds);
      else yield next.value;
    }
  }
}

function* planTenant({ id, seeds }: ManifestTenant): Generator<PlannedSeed, void> {
  for (const [ordinal, { email, roles, onMissing, mode }] of seeds.entries()) {
    yield { tenant: id, email, label: maskEmail(email), roles, onMissing, mode, ordinal };
  }
}
