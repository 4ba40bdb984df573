import { defineEntity, p } from '@mikro-orm/core';
import type { ManifestName, ReleaseId, RunId } from '#shared/contract/ids.ts';
import type { OnTransient } from '#shared/contract/tenant-settings.ts';

const ReleaseSchema = defineEntity({
  name: 'Release',
  schema: 'rolecall',
  tableName: 'release',
  properties: {
    run: p.bigint('number').$type<RunId>().primary().autoincrement(),
    name: p.string().$type<ManifestName>().length(63),
    releaseId: p.string().$type<ReleaseId>().length(200),
    digest: p.string().length(64),
    onTransient: p.string().$type<OnTransient>().length(8),
    seeds: p.integer(),
    recordedAt: p.datetime().length(3).defaultRaw('now()'),
    supersededAt: p.datetime().length(3).nullable(),
    prunedAt: p.datetime().length(3).nullable(),
  },
  // At most one run of a name is current, however many producers race.
  uniques: [{ name: 'release_current_key', properties: ['name'], where: { supersededAt: null } }],
  indexes: [{ name: 'release_name_release_id_idx', properties: ['name', 'releaseId'] }],
});

/** One activation of a release. A rollback to an earlier release id is a new row. */
export class Release extends ReleaseSchema.class {}
ReleaseSchema.setClass(Release);
