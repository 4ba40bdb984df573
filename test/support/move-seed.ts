import type { EntityManager } from '@mikro-orm/postgresql';
import type { SeedId } from '#shared/contract/ids.ts';
import type { SeedState } from '#shared/contract/seed-state.ts';
import { moveSeeds } from '#shared/ledger/move-seed.ts';

/** As a worker does with one verdict. `false`: the seed may not go there. */
export async function moveSeed(em: EntityManager, id: SeedId, next: SeedState): Promise<boolean> {
  return (await moveSeeds(em, next.kind, [{ id, next }])).has(id);
}
