import { expect } from 'vitest';
import { RunId } from '#shared/contract/ids.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { UserPool } from '../../src/worker/cognito/user-directory.ts';
import { createDomainBudgets, type DomainBudgets } from '../../src/worker/pacing/domain-budgets.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const ROLE = { arn: 'arn:aws:iam::111122223333:role/rolecall' };
const OTHER_ROLE = { arn: 'arn:aws:iam::111122223333:role/another', externalId: 'x' };

/** One that remembers nothing. */
const budgetsOf = (ledger: Ledger) => createDomainBudgets({ em: () => ledger.em.fork(), now: Date.now });

test('a domain has the lowest budget that a tenant of any current release names', async ({
  ledger,
  cognito,
  produce,
  databaseUrl,
}) => {
  const asks = (change: Partial<UserPool> = {}): UserPool => ({
    id: POOL,
    region: 'eu-west-2',
    endpoint: cognito.url,
    lookup: 'ListUsers',
    requestsPerSecond: 50,
    ...change,
  });
  const perSecond = async (...args: Parameters<DomainBudgets>) => (await budgetsOf(ledger)(...args)).perSecond;

  await produce({ name: 'past', tenants: [{ id: 'past', requestsPerSecond: 1, seeds: people(1) }] }, 'v1');
  await produce({ name: 'past', tenants: [{ id: 'past', requestsPerSecond: 40, seeds: people(1) }] }, 'v2');
  expect(await perSecond(asks(), 'ListUsers')).toBe(40);

  await produce(
    {
      name: 'other',
      tenants: [
        { id: 'modest', pool: `${POOL}Another`, requestsPerSecond: 5, seeds: people(1) },
        { id: 'unpaced', requestsPerSecond: 100_000, seeds: people(1) },
        { id: 'reader', lookup: 'AdminGetUser', requestsPerSecond: 60, seeds: people(1) },
        { id: 'elsewhere', assumeRole: ROLE, requestsPerSecond: 3, seeds: people(1) },
      ],
    },
    'v1',
  );
  await execute(databaseUrl, `update rolecall.seed set state = 'granted'`); // a budget is no matter of who has work left

  expect(await perSecond(asks(), 'ListUsers')).toBe(5);
  expect(await perSecond(asks({ requestsPerSecond: 2 }), 'ListUsers')).toBe(2); // of a run that was superseded under way
  expect(await perSecond(asks({ requestsPerSecond: 100_000 }), 'ListUsers')).toBe(5);
  expect(await perSecond(asks({ assumeRole: OTHER_ROLE }), 'ListUsers')).toBe(3);
  expect(await perSecond(asks({ region: 'eu-west-1' }), 'ListUsers')).toBe(50);
  expect(await perSecond(asks({ lookup: 'AdminGetUser', requestsPerSecond: 80 }), 'AdminGetUser')).toBe(60);
  expect(await perSecond(asks({ lookup: 'AdminGetUser', requestsPerSecond: 80 }), 'ListUsers')).toBe(5);
  expect(await perSecond(asks(), 'DescribeUserPool')).toBe(10); // of which a manifest says nothing
});

test('budgets are read once for all, and again for a newer run and after a while', async ({ ledger }) => {
  let statements = 0;
  let clock = 0;
  const em = () => {
    statements += 1;
    return ledger.em.fork();
  };
  const budgets = createDomainBudgets({ em, now: () => clock });
  const pool: UserPool = { id: POOL, region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 };
  const ask = (run?: number) => budgets(pool, 'ListUsers', run === undefined ? run : RunId.parse(run));

  await Promise.all(Array.from({ length: 1_000 }, () => ask(1)));
  await ask(); // who walks through a pool does it for no run
  expect(statements).toBe(1);
  await Promise.all([ask(2), ask(2), ask(1)]);
  expect(statements).toBe(2);
  clock += 4_999;
  await ask(1);
  expect(statements).toBe(2);
  clock += 1;
  await ask(1);
  await ask(2);
  expect(statements).toBe(3);
});

test('a ledger that is away is asked again by the next one', async ({ ledger }) => {
  let away = true;
  const em = () => {
    if (!away) return ledger.em.fork();
    const lost = ledger.em.fork();
    lost.execute = () => Promise.reject(new Error('Connection terminated'));
    return lost;
  };
  const budgets = createDomainBudgets({ em, now: () => 0 });
  const pool: UserPool = { id: POOL, region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 };

  await expect(budgets(pool, 'ListUsers')).rejects.toThrow('Connection terminated');
  away = false;
  expect(await budgets(pool, 'ListUsers')).toMatchObject({ perSecond: 20 });
});
