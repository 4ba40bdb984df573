import type { Email, ManifestName, TenantId } from '#shared/contract/ids.ts';
import type { Role, SeedRole } from '#shared/contract/roles.ts';
import type { GrantMode, OnMissing, OnTransient, TenantSettings } from '#shared/contract/tenant-settings.ts';

/** A manifest without problems: variables substituted, defaults filled in, roles resolved to their ids. */
export interface Manifest {
  readonly name: ManifestName;
  readonly roles: readonly Role[];
  readonly gate: { readonly onTransient: OnTransient };
  readonly tenants: readonly ManifestTenant[];
}

/** In the order of the files and of what stands in them; so are the seeds. */
export interface ManifestTenant {
  readonly id: TenantId;
  readonly settings: TenantSettings;
  readonly seeds: readonly ManifestSeed[];
}

export interface ManifestSeed {
  readonly email: Email;
  readonly roles: readonly SeedRole[];
  readonly onMissing: OnMissing;
  readonly mode: GrantMode;
}
