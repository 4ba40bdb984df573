import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import type { Emulator } from '../../demo/cognito/emulator.ts';
import { countStates, failedJobs, keepHistory, statesOf, untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const peopleOf = (tenant: string, count: number) => people(count).map((email) => `${tenant}-${email}`);
const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));
const accountOf = (id: string) => ({ assumeRole: { arn: `arn:aws:iam::${id}:role/rolecall` } });
const OTHER_POOL = 'eu-west-2_Another01';
const LARGE = 1_000_000; // so that nobody walks through the pool: each is asked for alone

describeOnBothPlatforms('the quota', (queueTest) => {
  queueTest(
    'is kept by all workers together, and each seed is picked up about twice',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      const emails = people(80);
      cognito.setQuotas({ UserList: 30 });
      cognito.addPool({ id: POOL, users: usersOf(emails), estimatedNumberOfUsers: LARGE });
      await produce({ tenants: [{ requestsPerSecond: 25, seeds: emails }] }, 'v1');
      await Promise.all([work(), work(), work()]);

      await untilCounts(databaseUrl, { granted: 80 });
      expect(cognito.counts.throttled.ListUsers).toBe(0);
      expect(cognito.counts.calls.ListUsers).toBe(80);
      expect(peakOf(cognito)).toBeLessThanOrEqual(30); // a slot may be taken a fifth of a second late
      const jobs = await queue.getJobs(['completed']);
      expect(jobs.reduce((sum, job) => sum + job.attemptsStarted, 0)).toBeLessThan(3 * 80); // some miss their slot on a busy machine
      expect(jobs.filter((job) => job.attemptsMade !== 1)).toEqual([]); // a wait is none
    },
  );

  queueTest('is one for all tenants and pools of an account', async ({ cognito, produce, work, databaseUrl }) => {
    cognito.setQuotas({ UserList: 30 });
    const tenants = ['a', 'b', 'c'].map((id) => {
      const seeds = peopleOf(id, 20);
      cognito.addPool({ id: `${POOL}${id}`, users: usersOf(seeds), estimatedNumberOfUsers: LARGE });
      return { id, pool: `${POOL}${id}`, requestsPerSecond: 20, seeds };
    });
    await produce({ name: 'first', tenants: tenants.slice(0, 1) }, 'v1');
    await produce({ name: 'second', tenants }, 'v1');
    await work();

    await untilCounts(databaseUrl, { granted: 80 });
    expect(cognito.counts.throttled.ListUsers).toBe(0);
    expect(peakOf(cognito)).toBeLessThanOrEqual(25);
  });

  queueTest(
    'is what the most modest tenant of it names, also once that one has nothing to do',
    async ({ cognito, produce, work, databaseUrl }) => {
      const emails = people(15);
      cognito.addPool({ id: POOL, users: usersOf(emails), estimatedNumberOfUsers: LARGE });
      await produce({ name: 'modest', tenants: [{ id: 'modest', requestsPerSecond: 5, seeds: people(1) }] }, 'v1');
      await execute(databaseUrl, `update rolecall.seed set state = 'granted'`);
      await produce(
        {
          name: 'others',
          tenants: [
            { id: 'quick', requestsPerSecond: 50, seeds: emails.slice(0, 8) },
            { id: 'unpaced', requestsPerSecond: 100_000, seeds: emails.slice(8) },
          ],
        },
        'v1',
      );
      await work();

      await untilCounts(databaseUrl, { granted: 16 });
      expect(cognito.counts.calls.ListUsers).toBe(15);
      expect(peakOf(cognito)).toBeLessThanOrEqual(7);
    },
  );

  queueTest('that somebody else eats half of is shared with them', async ({ cognito, produce, work, databaseUrl }) => {
    const emails = people(120);
    cognito.setQuotas({ UserList: 30 });
    cognito.addPool({ id: POOL, users: usersOf(emails), estimatedNumberOfUsers: LARGE });
    const stop = new AbortController();
    const others = askElsewhere(cognito, 15, stop.signal);
    await produce({ tenants: [{ requestsPerSecond: 25, seeds: emails }] }, 'v1');
    await Promise.all([work(), work()]);

    await untilCounts(databaseUrl, { granted: 120 }, 40_000);
    stop.abort();
    const { throttled } = await others;
    expect(cognito.counts.throttled.ListUsers - throttled).toBeLessThan(12); // one in ten
    expect(throttled).toBeLessThan(12);
  });
});

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

function peakOf(cognito: Emulator): number {
  return Math.max(...Object.values(cognito.counts.maxPerSecond).map(({ ListUsers }) => ListUsers));
}

/** The golden ratio: its multiples spread evenly between whole numbers, and never in the same way. */
const UNEVEN = 0.618_033_988_75;

/**
 * Somebody who uses the same quota, as the application itself does, and as unevenly: two that each keep to a beat may meet at the
 * same point of it for seconds, and then one of them has all the throttles.
 */
async function askElsewhere({ url }: Emulator, perSecond: number, signal: AbortSignal): Promise<{ throttled: number }> {
  let throttled = 0;
  const body = JSON.stringify({ UserPoolId: POOL, Limit: 1 });
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'AWSCognitoIdentityProviderService.ListUsers',
    authorization: 'AWS4-HMAC-SHA256 Credential=AKIAOTHER/20260101/eu-west-2/cognito-idp/aws4_request',
  };
  try {
    for (let nth = 1; ; nth += 1) {
      await sleep((2_000 / perSecond) * ((nth * UNEVEN) % 1), undefined, { signal });
      const answer = await fetch(url, { method: 'POST', headers, body, signal });
      if (answer.status === 400) throttled += 1;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return { throttled };
}
