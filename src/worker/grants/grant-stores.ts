import type { TenantSettings } from '#shared/contract/tenant-settings.ts';
import type { GrantStore } from './grant-store.ts';
import { managedGrants } from './managed-grants.ts';
import { createMappedGrants } from './mapped-grants.ts';
import { createTableLayouts } from './table-layouts.ts';

/** Which store keeps the grants of a tenant. */
export type GrantStores = (grants: TenantSettings['grants']) => GrantStore;

export function createGrantStores(now: () => number): GrantStores {
  const mapped = createMappedGrants(createTableLayouts(now));
  return ({ table }) => (table === undefined ? managedGrants : mapped);
}
