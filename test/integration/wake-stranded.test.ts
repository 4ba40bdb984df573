import { describe, expect, inject } from 'vitest';
import { seedJobId, seedPriority, SEED_QUEUE, type SeedJob } from '#shared/contract/seed-job.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import type { SeedToQueue } from '#shared/queue/add-jobs.ts';
import { openSlotBook } from '../../src/worker/pacing/open-slot-book.ts';
import { budgetOf } from '../../src/worker/pacing/pacing-budget.ts';
import { PACE } from '../../src/worker/pacing/slot-book.ts';
import { wakeStranded } from '../../src/worker/pacing/wake-stranded.ts';
import { testOn } from '../support/queue.ts';
import { recordedRun } from '../support/recorded-run.ts';
import { execute } from '../support/sql.ts';

describe.skipIf(inject('redisUrl') === null)('jobs that were put away on redis', () => suite('redis'));
describe('jobs that were put away on postgres', () => suite('postgres'));

const POOL = { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 2.5 } as const; // 400 ms apart
const BUDGET = budgetOf(POOL, 'ListUsers');

function suite(kind: 'redis' | 'postgres') {
  testOn(kind)(
    'are brought forward where no book knows of them, as when a worker dies in between, and no others are',
    async ({ ledger, target, queue, databaseUrl }) => {
      const em = () => ledger.em.fork();
      using book = openSlotBook(target, em, await runPrepared(ledger));
      const names = ['stranded', 'parked', 'admitted', 'dated', 'soon', 'touched'] as const;
      const { seeds } = await recordedRun(ledger, {
        seeds: names.map((name) => ({ email: `${name}@example.org`, state: 'pending' })),
      });
      const seedOf = (name: (typeof names)[number]) => {
        const seed = seeds[names.indexOf(name)];
        if (seed === undefined) throw new Error('no such seed');
        return seed;
      };
      await queue.addBulk(seeds.map((seed) => jobOf(seed, seed === seedOf('soon') ? 5_000 : PACE.safetyNet)));
      await book.take(BUDGET, 0); // so that the next slot is not at once
      expect(await book.reserve(BUDGET, seedOf('admitted'))).toMatchObject({ kind: 'later' });
      await book.park({ ...seedOf('parked'), domain: BUDGET.domain });
      await execute(databaseUrl, 'update rolecall.release_tenant set settings = $1', [
        JSON.stringify({ userPool: POOL }),
      ]);
      await execute(
        databaseUrl,
        `update rolecall.seed set updated_at = case when id = $1 then now() else now() - interval '11 seconds' end,
           next_attempt_at = case when id = $2 then now() + interval '9 minutes' end`,
        [seedOf('touched').seedId, seedOf('dated').seedId],
      );

      expect(await wakeStranded({ em: em(), queue, book })).toBe(1);
      expect(await wakeStranded({ em: em(), queue, book })).toBe(0);

      const delays = await Promise.all(seeds.map(async (seed) => (await queue.getJob(seedJobId(seed)))?.delay));
      expect(names.filter((_, n) => delays[n] === 0)).toEqual(['stranded']);
    },
  );
}

function jobOf({ ordinal, run, tenant, seedId, label }: SeedToQueue, delay: number) {
  const data = { v: 1, run, tenant, seedId, label } satisfies SeedJob;
  const opts = { jobId: seedJobId(data), priority: seedPriority(ordinal), delay };
  return { name: SEED_QUEUE, data, opts };
}
