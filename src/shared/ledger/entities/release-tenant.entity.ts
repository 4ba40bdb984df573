import { defineEntity, p } from '@mikro-orm/core';
import type { RunId, TenantId } from '#shared/contract/ids.ts';
import type { ReasonOf } from '#shared/contract/reasons.ts';
import type { TenantSettings } from '#shared/contract/tenant-settings.ts';

const ReleaseTenantSchema = defineEntity({
  name: 'ReleaseTenant',
  schema: 'rolecall',
  tableName: 'release_tenant',
  properties: {
    run: p.bigint('number').$type<RunId>().primary(),
    tenant: p.string().$type<TenantId>().length(63).primary(),
    settings: p.json().$type<TenantSettings>(),
    faultReason: p.string().$type<ReasonOf<'tenant'>>().length(40).nullable(),
    faultDetail: p.text().nullable(),
    faultAt: p.datetime().length(3).nullable(),
  },
});

/**
 * A tenant as its run recorded it, and the one definitive answer that its remaining seeds share. In the ledger, not in a
 * worker's memory: all workers stop asking, and a replay is newer or older than the fault for all of them alike. The detail
 * is what would mend it, mostly a statement: names of tables, columns, database users, variables and pools, no secrets.
 */
export class ReleaseTenant extends ReleaseTenantSchema.class {}
ReleaseTenantSchema.setClass(ReleaseTenant);
