import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Emulator } from '../../demo/cognito/emulator.ts';
import { untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const peopleOf = (tenant: string, count: number) => people(count).map((email) => `${tenant}-${email}`);
const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));
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
