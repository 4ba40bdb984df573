import type { TenantSettings } from '#shared/contract/tenant-settings.ts';
import type { WantedGrants } from './grant-store.ts';

const MANAGED_TABLE = 'user_role';

/**
 * One table, written in one way: what seeds of the same place want is written in the same statements. In the order of
 * these texts, all places of one table stand together.
 */
export function placeOf({ schema, table }: TenantSettings['grants']): string {
  // Rows of one table may be of many tenants.
  return JSON.stringify([schema, table?.name ?? MANAGED_TABLE, { ...table, tenantValue: undefined }]);
}

/** Who holds grants there. What one seed of a holder adds may decide what the next one does. */
export function holderOf({ grants, tenant, sub }: Pick<WantedGrants, 'grants' | 'tenant' | 'sub'>): string {
  const { schema, table } = grants;
  const isPerTenant = table === undefined || table.columns.tenant !== undefined;
  return JSON.stringify([schema, table?.name ?? MANAGED_TABLE, isPerTenant && (table?.tenantValue ?? tenant), sub]);
}
