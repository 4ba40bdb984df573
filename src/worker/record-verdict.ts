import type { EntityManager } from '@mikro-orm/postgresql';
import type { SeedId } from '#shared/contract/ids.ts';
import type { SeedState, SeedStateKind } from '#shared/contract/seed-state.ts';
import { moveSeeds, type SeedMove } from '#shared/ledger/move-seed.ts';
import { createMicroBatch } from './batching/micro-batch.ts';
import { isDatabaseAway } from './grants/database-errors.ts';

/** Writes verdicts into the ledger, those of one kind together. `false`: the seed may not go there any more. */
export function createVerdictRecorder(ledger: EntityManager): (id: SeedId, next: SeedState) => Promise<boolean> {
  const record = createMicroBatch<SeedMove<SeedStateKind>, boolean, SeedStateKind>({
    laneOf: ({ next }) => next.kind,
    keysOf: ({ id }) => [String(id)],
    run: async (moves, kind) => {
      const moved = await moveSeeds(ledger.fork(), kind, moves);
      return moves.map(({ id }) => moved.has(id));
    },
    failsAlike: isDatabaseAway,
  });
  return (id, next) => record({ id, next });
}
