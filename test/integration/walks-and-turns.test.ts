import { expect, vi } from 'vitest';
import { countStates, statesOf } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const peopleOf = (tenant: string, count: number) => people(count).map((email) => `${tenant}-${email}`);
const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));

describeOnBothPlatforms('walks of several workers and a small tenant of the same quota', (queueTest) => {
  queueTest('do not starve each other, and keep the quota', async ({ cognito, produce, work, databaseUrl }) => {
    cognito.setQuotas({ UserList: 30, UserPoolRead: 15 });
    cognito.setLatency(50);
    const walked = Array.from({ length: 5 }, (_, n) => {
      const [id, pool, seeds] = [`walked-${n}`, `${POOL}${n}`, peopleOf(`w${n}`, 150)];
      cognito.addPool({ id: pool, users: usersOf(seeds), syntheticUsers: 1_050 }); // twenty pages
      return { id, pool, requestsPerSecond: 20, seeds };
    });
    const small = peopleOf('small', 5);
    cognito.addPool({ id: POOL, users: usersOf(small), estimatedNumberOfUsers: 1_000_000 });
    await produce({ name: 'walked', tenants: walked }, 'v1');
    await Promise.all([work(), work(), work()]);
    await vi.waitFor(() => expect(cognito.counts.calls.ListUsers).toBeGreaterThan(20), 10_000);

    await produce({ name: 'small', tenants: [{ id: 'small', requestsPerSecond: 20, seeds: small }] }, 'v1');
    const before = await countStates(databaseUrl);
    await vi.waitFor(
      async () => {
        const states = await statesOf(databaseUrl);
        // In turn with five others at most, at two thirds of the rate: two seconds, and half a one until its first turn.
        expect(small.map((email) => states[email])).toEqual(small.map(() => 'granted'));
      },
      { timeout: 5_000, interval: 20 },
    );
    expect((await countStates(databaseUrl))['pending']).toBeGreaterThan(400); // so it did not wait for the walks

    const grantedByNow = before['granted'] ?? 0;
    await vi.waitFor(
      async () => expect((await countStates(databaseUrl))['granted']).toBeGreaterThan(grantedByNow + 160), // more than one pool
      { timeout: 20_000, interval: 50 },
    );
    expect(cognito.counts.throttled).toMatchObject({ ListUsers: 0, DescribeUserPool: 0 });
  });
});
