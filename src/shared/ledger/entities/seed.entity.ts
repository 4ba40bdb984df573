import { defineEntity, p } from '@mikro-orm/core';
import type { Email, RunId, SeedId, Sub, TenantId } from '#shared/contract/ids.ts';
import type { Label } from '#shared/contract/label.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import type { SeedStateKind, Suspicion } from '#shared/contract/seed-state.ts';
import type { GrantMode, OnMissing } from '#shared/contract/tenant-settings.ts';
import { TALLY_TRIGGERS } from '../migrations/0003-tally.ts';
import { SEED_FIX_INDEX } from '../migrations/0007-seed-fix.ts';

const SeedSchema = defineEntity({
  name: 'Seed',
  schema: 'rolecall',
  tableName: 'seed',
  properties: {
    id: p.bigint('number').$type<SeedId>().primary().autoincrement(),
    run: p.bigint('number').$type<RunId>(),
    tenant: p.string().$type<TenantId>().length(63),
    email: p.string().$type<Email>().length(246),
    label: p.string().$type<Label>().length(300),
    roles: p.json().$type<readonly SeedRole[]>(),
    onMissing: p.string().$type<OnMissing>().length(5),
    mode: p.string().$type<GrantMode>().length(9).default('ensure'),
    ordinal: p.integer(),
    state: p.string().$type<SeedStateKind>().length(10).default('pending'),
    reason: p.string().$type<Reason>().length(40).nullable(),
    /** What would mend it: texts of the manifest, names of tables and constraints, no secrets. It counts only while the seed is blocked. */
    fix: p.text().nullable(),
    suspectedReason: p.string().$type<Suspicion['reason']>().length(40).nullable(),
    sightings: p.integer().default(0),
    attempts: p.integer().default(0),
    sub: p.uuid().$type<Sub>().nullable(),
    nextAttemptAt: p.datetime().length(3).nullable(),
    replayedAt: p.datetime().length(3).nullable(),
    createdAt: p.datetime().length(3).defaultRaw('now()'),
    updatedAt: p.datetime().length(3).defaultRaw('now()'),
  },
  indexes: [
    // The gate counts by run, tenant, state and reason from this index alone; every starting pod asks it again and again.
    { name: 'seed_gate_idx', properties: ['run', 'state', 'tenant', 'reason'] },
    // What still needs a job, in pages: nearly empty once a release is through, however many came before it.
    {
      name: 'seed_unsettled_idx',
      expression: `create index "seed_unsettled_idx" on "rolecall"."seed" ("id") where "state" in ('pending', 'retrying', 'waiting')`,
    },
    // The gate goes from one fix to the next, however many seeds share each.
    { name: 'seed_fix_idx', expression: SEED_FIX_INDEX },
  ],
  uniques: [
    {
      name: 'seed_run_tenant_email_key',
      expression:
        'create unique index "seed_run_tenant_email_key" on "rolecall"."seed" ("run", "tenant", lower("email"))',
    },
  ],
  // They keep `seed_tally`.
  triggers: (['insert', 'update', 'delete'] as const).map((event) => ({
    name: `seed_tally_${event}`,
    timing: 'after',
    events: [event],
    forEach: 'statement',
    expression: TALLY_TRIGGERS[`seed_tally_${event}`],
  })),
});

/** One email of one tenant in one run. A new run gets new rows, so history is never overwritten. */
export class Seed extends SeedSchema.class {}
SeedSchema.setClass(Seed);
