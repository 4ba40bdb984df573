import { sql } from '@mikro-orm/postgresql';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { SeedToQueue } from '#shared/queue/add-jobs.ts';

/** The seeds of current runs, as the queue wants them, tenant by tenant. */
export async function recordedSeeds({ em }: Ledger): Promise<SeedToQueue[]> {
  return em.fork().execute<SeedToQueue[]>(sql`
    select s.id::int as "seedId", s.run::int, s.tenant, s.label, s.ordinal
    from rolecall.seed s join rolecall.release r on r.run = s.run and r.superseded_at is null order by s.tenant, s.ordinal`);
}
