import { defineEntity, p } from '@mikro-orm/core';
import type { RunId } from '#shared/contract/ids.ts';
import type { SeedStateKind } from '#shared/contract/seed-state.ts';

const SeedTallySchema = defineEntity({
  name: 'SeedTally',
  schema: 'rolecall',
  tableName: 'seed_tally',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    run: p.bigint('number').$type<RunId>(),
    state: p.string().$type<SeedStateKind>().length(10),
    delta: p.integer(),
  },
  indexes: [{ name: 'seed_tally_run_idx', properties: ['run', 'state'] }],
});

/**
 * By how many the seeds of a run in a state became more or fewer: the sum is how many there are. Rows are only added, by
 * triggers on `seed`, so that no two workers wait for each other; the workers fold them together from time to time.
 */
export class SeedTally extends SeedTallySchema.class {}
SeedTallySchema.setClass(SeedTally);
