import { expect } from 'vitest';
import type { SeedId } from '#shared/contract/ids.ts';
import { budgetOf } from '../../src/worker/pacing/pacing-budget.ts';
import { createUsedUpQuotas } from '../../src/worker/used-up-quotas.ts';
import { countStates, grantsIn, keepHistory, statesOf, untilCounts } from '../support/ledger.ts';
import { moveSeed } from '../support/move-seed.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const NEVER = new AbortController().signal;
const arn = 'arn:aws:iam::111122223333:role/rolecall';
/** As manifests of the tests have it. */
const poolAt = (endpoint: string) =>
  ({ region: 'eu-west-2', endpoint, lookup: 'ListUsers', requestsPerSecond: 20 }) as const;

test('who waits for a quota that is used up is retried; whoever has an answer keeps it', async ({
  ledger,
  cognito,
  produce,
  databaseUrl,
}) => {
  const usedUp = createUsedUpQuotas(() => ledger.em.fork());
  const old = await produce({ tenants: [{ seeds: ['old@example.org'] }] }, 'v1');
  await execute(databaseUrl, `update rolecall.seed set state = 'pending' where run = ${old.run}`);
  const { run } = await produce(
    {
      tenants: [
        { id: 'elsewhere', assumeRole: { arn }, seeds: ['else@example.org'] },
        {
          id: 'here',
          seeds: ['ada@example.org', 'eve@example.org', 'ken@example.org', 'sam@example.org'],
        },
        { id: 'other-api', lookup: 'AdminGetUser', seeds: ['api@example.org'] },
      ],
    },
    'v2',
  );
  const move = async (email: string, state: Parameters<typeof moveSeed>[2]) => {
    const [seed] = await execute<{ id: string }>(databaseUrl, 'select id from rolecall.seed where email = $1', [email]);
    await moveSeed(ledger.em.fork(), Number(seed?.id) as SeedId, state);
  };
  await move('eve@example.org', { kind: 'blocked', reason: 'email-ambiguous' });
  await move('ken@example.org', { kind: 'pending', suspicion: { reason: 'user-missing', sightings: 1 } });
  await move('sam@example.org', { kind: 'retrying', reason: 'network', nextAttemptAt: new Date() });

  expect(await usedUp.tell(NEVER)).toBe(0);
  usedUp.add(budgetOf(poolAt(cognito.url), 'ListUsers').domain);
  expect(await usedUp.tell(NEVER)).toBe(1);
  expect(await usedUp.tell(NEVER)).toBe(0);
  expect(await statesOf(databaseUrl, run)).toEqual({
    'else@example.org': 'pending',
    'ada@example.org': 'retrying: throttled',
    'eve@example.org': 'blocked: email-ambiguous',
    'ken@example.org': 'pending',
    'sam@example.org': 'retrying: network',
    'api@example.org': 'pending',
  });
  const [ada] = await execute(databaseUrl, `select attempts from rolecall.seed where email = 'ada@example.org'`);
  expect(ada).toEqual({ attempts: 0 });
  await execute(
    databaseUrl,
    `update rolecall.release_tenant set settings = settings #- '{userPool,lookup}' where tenant = 'elsewhere'`,
  );
  usedUp.add(budgetOf({ ...poolAt(cognito.url), assumeRole: { arn } }, 'ListUsers').domain);
  usedUp.add(budgetOf({ ...poolAt(cognito.url), lookup: 'AdminGetUser' }, 'AdminGetUser').domain);
  expect(await usedUp.tell(NEVER)).toBe(2);
});

test('however many they are', async ({ ledger, cognito, produce, databaseUrl }) => {
  const usedUp = createUsedUpQuotas(() => ledger.em.fork());
  await produce({ tenants: ['a', 'b'].map((id) => ({ id, seeds: people(1_200) })) }, 'v1');
  usedUp.add(budgetOf(poolAt(cognito.url), 'ListUsers').domain);
  expect(await usedUp.tell(NEVER)).toBe(2_400);
  expect(await countStates(databaseUrl)).toEqual({ retrying: 2_400 });
});

describeOnBothPlatforms('a quota that others use up', (queueTest) => {
  queueTest(
    'holds the gate for seconds, however many wait for it, and all get their turn when it is back',
    async ({ cognito, produce, work, databaseUrl }) => {
      const emails = people(70);
      cognito.addPool({ id: POOL, users: emails.map((email) => ({ email })), estimatedNumberOfUsers: 1_000_000 });
      cognito.setFault({ kind: 'error', name: 'TooManyRequestsException' });
      await produce({ tenants: [{ requestsPerSecond: 20, seeds: emails }] }, 'v1');
      const history = await keepHistory(databaseUrl);
      const worker = await work();

      await untilCounts(databaseUrl, { retrying: 70 }, 30_000);
      expect(cognito.counts.calls.ListUsers).toBeLessThan(65);
      expect(worker.lines.join('')).toContain('a quota is used up');
      cognito.clearFaults();
      await untilCounts(databaseUrl, { granted: 70 }, 40_000);
      expect(await grantsIn(databaseUrl)).toHaveLength(70);
      const states = new Set(Object.values(await history()).flat());
      expect([...states].toSorted()).toEqual(['granted', 'retrying: throttled']);
    },
  );
});
