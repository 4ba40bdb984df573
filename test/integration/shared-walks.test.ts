import { expect, vi } from 'vitest';
import { grantsIn, untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));

/** Whoever waits for a decision for a second is looked for directly, and a machine that is busy may be that late. */
const FEW = 10;

describeOnBothPlatforms('a pool that several workers want people of', (test) => {
  test('is described and walked through once for all of them', async ({ cognito, produce, work, databaseUrl }) => {
    cognito.addPool({ id: POOL, users: usersOf(people(600)) });
    cognito.setLatency(50);
    await Promise.all([work(), work(), work(), work()]);
    await produce({ tenants: [{ seeds: people(500) }] }, 'v1');
    await untilCounts(databaseUrl, { granted: 500 }, 20_000);
    expect(cognito.counts.calls.DescribeUserPool).toBe(1);
    expect(cognito.counts.calls.ListUsers).toBeLessThanOrEqual(10 + FEW);
    expect(await grantsIn(databaseUrl)).toHaveLength(500);
  });

  test('is walked through by one, pool after pool, where they share a quota', async ({
    cognito,
    produce,
    work,
    databaseUrl,
  }) => {
    cognito.setLatency(20);
    const tenants = Array.from({ length: 12 }, (_, n) => {
      const [id, pool, seeds] = [`t${n}`, `${POOL}${n}`, people(20).map((email) => `t${n}-${email}`)];
      cognito.addPool({ id: pool, users: usersOf(seeds) });
      return { id, pool, seeds, requestsPerSecond: 20 };
    });
    await Promise.all([work(), work(), work()]);
    await produce({ tenants }, 'v1');
    await untilCounts(databaseUrl, { granted: 240 }, 20_000);
    expect(cognito.counts.calls.DescribeUserPool).toBe(12);
    expect(cognito.counts.calls.ListUsers).toBeLessThanOrEqual(12 + FEW);
  });

  test('is taken over from a worker that stops in the middle', async ({ cognito, produce, work, databaseUrl }) => {
    cognito.addPool({ id: POOL, users: usersOf(people(60)) });
    cognito.setFault({ kind: 'hang', operation: 'ListUsers' });
    const first = await work();
    await produce({ tenants: [{ seeds: people(60) }] }, 'v1');
    await vi.waitFor(() => expect(cognito.counts.calls.ListUsers).toBe(1), 5_000);
    await work();
    cognito.clearFaults();
    await first[Symbol.asyncDispose]();
    await untilCounts(databaseUrl, { granted: 60 }, 20_000);
    expect(cognito.counts.calls.ListUsers).toBeLessThanOrEqual(2 + FEW);
  });

  test('is taken over from a worker that died in the middle', async ({ cognito, produce, work, databaseUrl }) => {
    cognito.addPool({ id: POOL, users: usersOf(people(60)) });
    cognito.setFault({ kind: 'hang', operation: 'ListUsers' });
    const first = await work();
    await produce({ tenants: [{ seeds: people(60) }] }, 'v1');
    await vi.waitFor(() => expect(cognito.counts.calls.ListUsers).toBe(1), 5_000);
    await first[Symbol.asyncDispose]();
    // As if it had been killed: it lets go of nothing.
    await execute(
      databaseUrl,
      `update rolecall.pool_walk set phase = 'walking', come_back_at = clock_timestamp();
       insert into rolecall.walker select domain, gen_random_uuid(), clock_timestamp() + interval '2 seconds' from rolecall.pool_walk`,
    );
    cognito.clearFaults();
    await work();
    await untilCounts(databaseUrl, { granted: 60 }, 20_000);
    expect(cognito.counts.calls.ListUsers).toBeLessThanOrEqual(2 + FEW);
  });
});
