import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId } from '#shared/contract/ids.ts';

/** Which of these runs a newer one took over from. */
export async function findSuperseded(em: EntityManager, runs: readonly RunId[]): Promise<ReadonlySet<RunId>> {
  if (runs.length === 0) return new Set();
  const superseded = await em.execute<{ run: string }[]>(
    sql`select run from rolecall.release where run in (${runs}) and superseded_at is not null`,
  );
  return new Set(superseded.map(({ run }) => Number(run) as RunId)); // rows of `release`, so their runs are
}
