import { expect } from 'vitest';
import { RunId } from '#shared/contract/ids.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { UserPool } from '../../src/worker/cognito/user-directory.ts';
import { createDemandCount } from '../../src/worker/walks/count-demand.ts';
import { moveSeed } from '../support/move-seed.ts';
import { people, POOL } from '../support/manifest.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { platformTest as test } from '../support/worker.ts';

/** One that remembers nothing. */
const countOf = (ledger: Ledger) => createDemandCount({ em: () => ledger.em.fork(), now: Date.now });

const arn = 'arn:aws:iam::111122223333:role/rolecall';

test('the seeds of all tenants of a pool are counted, while their users may be found there', async ({
  ledger,
  cognito,
  produce,
}) => {
  const pool: UserPool = {
    id: POOL,
    region: 'eu-west-2',
    endpoint: cognito.url,
    lookup: 'ListUsers',
    requestsPerSecond: 20,
  };
  const count = (change: Partial<UserPool> = {}) => countOf(ledger)({ ...pool, ...change }, RunId.parse(1));

  await produce({ tenants: [{ id: 'old', seeds: people(30) }] }, 'v1');
  await produce(
    {
      tenants: [
        { id: 'a', seeds: people(5) },
        { id: 'b', seeds: people(4) },
        { id: 'other-role', assumeRole: { arn }, seeds: people(3) },
        { id: 'other-pool', pool: 'eu-west-2_Other', seeds: people(2) },
      ],
    },
    'v2',
  );
  expect(await count()).toBe(9);
  expect(await count({ assumeRole: { arn } })).toBe(3);
  expect(await count({ assumeRole: { arn, externalId: 'x' } })).toBe(0);
  expect(await count({ id: 'eu-west-2_Other' })).toBe(2);
  expect(await count({ region: 'eu-west-1' })).toBe(0);

  const [first, second, third, fourth] = await recordedSeeds(ledger);
  const soon = new Date();
  const move = async (seed: typeof first, state: Parameters<typeof moveSeed>[2]) =>
    seed && moveSeed(ledger.em.fork(), seed.seedId, state);
  await move(first, { kind: 'retrying', reason: 'throttled', nextAttemptAt: soon });
  expect(await count()).toBe(9);
  await move(second, { kind: 'waiting', reason: 'user-missing', nextAttemptAt: soon });
  await move(third, { kind: 'blocked', reason: 'email-ambiguous' });
  const suspicion = { reason: 'user-missing', sightings: 1 } as const;
  await move(fourth, { kind: 'pending', suspicion, nextAttemptAt: soon });
  expect(await count()).toBe(6);
});

test('a thousand pools are counted at once, and anew for a newer run', async ({ ledger, produce }) => {
  const pool: UserPool = { id: POOL, region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 };
  let statements = 0;
  const em = () => {
    statements += 1;
    return ledger.em.fork();
  };
  const count = createDemandCount({ em, now: () => 0 });
  await produce({ tenants: [{ seeds: people(3) }] }, 'v1');

  await Promise.all(Array.from({ length: 1_000 }, (_, n) => count({ ...pool, id: `${POOL}${n}` }, RunId.parse(1))));
  expect(statements).toBe(1);
  await count(pool, RunId.parse(2));
  await count(pool, RunId.parse(1));
  expect(statements).toBe(2);
});

test('a count that failed is no count for those who ask next', async ({ ledger, produce }) => {
  const pool: UserPool = { id: POOL, region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 };
  const lost = ledger.em.fork();
  lost.execute = () => Promise.reject(new Error('Connection terminated'));
  const ems = [lost];
  const count = createDemandCount({ em: () => ems.pop() ?? ledger.em.fork(), now: () => 0 });
  await produce({ tenants: [{ seeds: people(3) }] }, 'v1');

  await expect(count(pool, RunId.parse(1))).rejects.toThrow('Connection terminated');
  await expect(count({ ...pool, id: 'eu-west-2_Other' }, RunId.parse(1))).resolves.toBe(0);
});
