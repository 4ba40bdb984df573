import { expect, vi } from 'vitest';
import { countStates, failedJobs, keepHistory, statesOf, untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const peopleOf = (tenant: string, count: number) => people(count).map((email) => `${tenant}-${email}`);
const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));
const accountOf = (id: string) => ({ assumeRole: { arn: `arn:aws:iam::${id}:role/rolecall` } });
const OTHER_POOL = 'eu-west-2_Another01';
const LARGE = 1_000_000; // so that nobody walks through the pool: each is asked for alone

describeOnBothPlatforms('a tenant', (queueTest) => {
  queueTest('that comes late does not wait for the large one', async ({ cognito, produce, work, databaseUrl }) => {
    const large = peopleOf('large', 400);
    const small = peopleOf('small', 5);
    cognito.addPool({ id: POOL, users: usersOf([...large, ...small]), estimatedNumberOfUsers: LARGE });
    await produce({ name: 'large', tenants: [{ id: 'large', requestsPerSecond: 40, seeds: large }] }, 'v1');
    await work();
    await vi.waitFor(async () => expect((await countStates(databaseUrl))['granted']).toBeGreaterThan(40), 10_000);

    await produce({ name: 'small', tenants: [{ id: 'small', requestsPerSecond: 40, seeds: small }] }, 'v1');
    const before = (await countStates(databaseUrl))['granted'] ?? 0;
    await vi.waitFor(
      async () => {
        const states = await statesOf(databaseUrl);
        expect(small.map((email) => states[email])).toEqual(small.map(() => 'granted'));
      },
      { timeout: 10_000, interval: 20 },
    );
    const meanwhile = ((await countStates(databaseUrl))['granted'] ?? 0) - before;
    expect(meanwhile).toBeLessThan(5 * 2 + 40); // its own and the other's in turn, and what was given out before
  });

  queueTest('whose run is superseded gives up its turns', async ({ cognito, produce, work, queue, databaseUrl }) => {
    const old = peopleOf('old', 300);
    const fresh = peopleOf('fresh', 10);
    cognito.addPool({ id: POOL, users: usersOf([...old, ...fresh]), estimatedNumberOfUsers: LARGE });
    await produce({ tenants: [{ requestsPerSecond: 20, seeds: old }] }, 'v1');
    await work();
    await vi.waitFor(async () => expect((await countStates(databaseUrl))['granted']).toBeGreaterThan(5), 10_000);
    await produce({ tenants: [{ requestsPerSecond: 20, seeds: fresh }] }, 'v2');
    const asked = cognito.counts.calls.ListUsers;

    await untilCounts(databaseUrl, { granted: 10 });
    expect(cognito.counts.calls.ListUsers - asked).toBeLessThan(10 + 5); // what was on its way
    await vi.waitFor(async () => expect(await queue.getDelayedCount()).toBe(0), 10_000); // nothing comes back for them
  });

  queueTest('whose pool does not exist uses no slots', async ({ cognito, produce, work, queue, databaseUrl }) => {
    const lost = peopleOf('lost', 60);
    const fine = peopleOf('fine', 20);
    cognito.addPool({ id: POOL, users: usersOf(fine), estimatedNumberOfUsers: LARGE });
    const requestsPerSecond = 10;
    await produce(
      {
        tenants: [
          { id: 'lost', pool: OTHER_POOL, requestsPerSecond, seeds: lost },
          { id: 'fine', requestsPerSecond, seeds: fine },
        ],
      },
      'v1',
    );
    await work();

    await untilCounts(databaseUrl, { blocked: 60, granted: 20 });
    expect(cognito.counts.byPool[OTHER_POOL]).toBeLessThan(12);
    expect(await failedJobs(queue)).toEqual(lost.map(() => 'pool-not-found'));
  });

  queueTest(
    'is held up by no other: not by one whose pool hangs, nor throttles, nor does not exist',
    async ({ cognito, produce, work, databaseUrl }) => {
      const pools = { fine: POOL, stuck: `${POOL}Stuck`, refused: `${POOL}Refused`, lost: OTHER_POOL };
      const emails = { fine: peopleOf('fine', 60), stuck: peopleOf('stuck', 40), refused: peopleOf('refused', 40) };
      const lost = peopleOf('lost', 40);
      for (const id of ['fine', 'stuck', 'refused'] as const) {
        cognito.addPool({ id: pools[id], users: usersOf(emails[id]), estimatedNumberOfUsers: LARGE });
      }
      cognito.setFault({ kind: 'hang', pool: pools.stuck });
      cognito.setFault({ kind: 'error', name: 'TooManyRequestsException', status: 400, pool: pools.refused });
      const history = await keepHistory(databaseUrl);
      const tenants = Object.entries({ lost, ...emails }).map(([id, seeds]) => ({
        id,
        pool: pools[id as keyof typeof pools],
        requestsPerSecond: 60,
        seeds,
      }));
      await produce({ tenants }, 'v1');
      await work({ ROLECALL_CONCURRENCY: '4' });

      await vi.waitFor(
        async () => {
          const states = await statesOf(databaseUrl);
          const statesOfTenant = (seeds: readonly string[]) => [...new Set(seeds.map((email) => states[email]))];
          expect(statesOfTenant(emails.fine)).toEqual(['granted']);
          expect(statesOfTenant(lost)).toEqual(['blocked: pool-not-found']);
          expect(statesOfTenant(emails.stuck)).toEqual(['pending']); // the first of them has not timed out yet
        },
        { timeout: 10_000, interval: 50 },
      );
      // Nor is the gate held for long, but for those who are blocked.
      await untilCounts(databaseUrl, { granted: 60, blocked: 40, retrying: 80 }, 30_000);

      cognito.clearFaults();
      await untilCounts(databaseUrl, { granted: 140, blocked: 40 });
      const past = await history();
      expect(new Set(past[emails.stuck[0]!])).toEqual(new Set(['pending', 'retrying: timeout', 'granted']));
    },
  );
});

describeOnBothPlatforms('a dozen pools of an account that hang', (queueTest) => {
  queueTest('do not hold up another account', async ({ cognito, produce, work, databaseUrl }) => {
    const fine = peopleOf('fine', 20);
    const stuck = Array.from({ length: 12 }, (_, n) => ({
      id: `stuck-${n}`,
      pool: `${POOL}Stuck${n}`,
      ...accountOf('111111111111'),
      seeds: peopleOf(`stuck-${n}`, 5),
    }));
    for (const { pool, seeds } of stuck) {
      cognito.addPool({ id: pool, account: '111111111111', users: usersOf(seeds), estimatedNumberOfUsers: LARGE });
      cognito.setFault({ kind: 'hang', operation: 'ListUsers', pool });
    }
    cognito.addPool({ id: POOL, account: '222222222222', users: usersOf(fine), estimatedNumberOfUsers: LARGE });
    await produce(
      { tenants: [...stuck, { id: 'fine', ...accountOf('222222222222'), requestsPerSecond: 60, seeds: fine }] },
      'v1',
    );
    await work({ ROLECALL_CONCURRENCY: '10' });

    await untilCounts(databaseUrl, { granted: 20, pending: 60 }); // pending: not one of them has timed out yet

    cognito.clearFaults();
    await untilCounts(databaseUrl, { granted: 80 });
  });
});
