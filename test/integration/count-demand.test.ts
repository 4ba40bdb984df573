import { expect } from 'vitest';
import { moveSeed } from '#shared/ledger/move-seed.ts';
import type { UserPool } from '../../src/worker/cognito/user-directory.ts';
import { countDemand } from '../../src/worker/count-demand.ts';
import { people, POOL } from '../support/manifest.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

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
  const count = async (change: Partial<UserPool> = {}) =>
    (await countDemand(ledger.em.fork(), { ...pool, ...change })).seeds;

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

describeOnBothPlatforms('the workers', (queueTest) => {
  queueTest('are counted by their connections to the ledger', async ({ ledger, work }) => {
    const pool: UserPool = { id: POOL, region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 };
    const workers = async () => (await countDemand(ledger.em.fork(), pool)).workers;
    expect(await workers()).toBe(1); // who asks is one
    const first = await work();
    expect(await workers()).toBe(1);
    await work();
    await work();
    expect(await workers()).toBe(3);
    await first[Symbol.asyncDispose]();
    await expect.poll(workers).toBe(2);
  });
});
