import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { urlOfVariable } from '#shared/config/postgres-url.ts';
import { RunId, SeedId, Sub } from '#shared/contract/ids.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import { createGrantStores } from '../../src/worker/grants/grant-stores.ts';
import { createGrantsDatabases, type GrantsDatabases } from '../../src/worker/grants/grants-databases.ts';
import { createSeedGranter } from '../../src/worker/grant-seed.ts';
import { createSeedTaker, type TakenSeed } from '../../src/worker/take-seed.ts';
import { auditOf, failedJobs, grantsIn, statesOf, untilStates } from '../support/ledger.ts';
import { ADMIN, POOL, RESEARCHER } from '../support/manifest.ts';
import { FIRST_SHAPE, FIRST_TABLE, inFlip, rowsOf } from '../support/own-tables.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const EMAIL = 'ada@example.org';
const sub = Sub.parse('26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01');
const grant = (role: string) => ({ tenant_id: 'flip', user_id: sub, role_id: role });
const stores = createGrantStores(Date.now);
const BOTH = { email: EMAIL, roles: ['admin', 'researcher'] } as const;

test('five copies of a job at once leave one grant per role and one audit line about each', async ({
  produce,
  ledger,
  databaseUrl,
}) => {
  await produce({ tenants: [{ seeds: [BOTH] }] }, 'v1');
  await using databases = databasesOf(databaseUrl);
  const seed = await theSeed(ledger);

  const grantIt = await granterOf(ledger, databases);
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => grantIt(seed, sub)));

  expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual([
    'granted',
    ...Array.from({ length: 4 }, () => 'overtaken'),
  ]);
  expect(await grantsIn(databaseUrl)).toEqual([grant(RESEARCHER), grant(ADMIN)]);
  expect(await auditOf(databaseUrl)).toEqual([grant(RESEARCHER), grant(ADMIN)]);
});

test('a crash between the grants and the ledger is repaired, and the audit trail misses no line', async ({
  produce,
  ledger,
  databaseUrl,
}) => {
  const other = await otherDatabase(databaseUrl);
  await produce({ tenants: [{ grants: { databaseUrlEnv: 'OTHER_URL' }, seeds: [BOTH] }] }, 'v1', {
    OTHER_URL: other.url,
  });
  await using databases = databasesOf(databaseUrl, other.url);
  const seed = await theSeed(ledger);
  // The grants are committed; whoever made them died before the ledger could say so.
  const written = await databases.use('OTHER_URL', async (there) => {
    if (there.kind !== 'other') throw new Error('expected another database');
    return there.em.transactional((tx) => write(tx, seed));
  });
  expect(written).toMatchObject({ kind: 'written', made: { length: 2 } });
  expect(await auditOf(databaseUrl)).toEqual([]);

  expect(await (await granterOf(ledger, databases))(seed, sub)).toMatchObject({
    kind: 'granted',
    added: 2,
  });

  expect(await grantsIn(other.url)).toEqual([grant(RESEARCHER), grant(ADMIN)]);
  expect(await auditOf(databaseUrl)).toEqual([grant(RESEARCHER), grant(ADMIN)]);
  await databases[Symbol.asyncDispose]();
  await other.drop();
});

test.for([
  ['with ids from rolecall: the audit trail misses no line', FIRST_SHAPE, FIRST_TABLE, 2],
  [
    'with ids of its own: nothing is granted twice',
    FIRST_SHAPE.replace('id uuid primary key, user_id', 'id serial primary key, user_id'),
    { name: 'user_role' },
    0,
  ],
] as const)('a crash after grants in a table %s', async ([, shape, table, lines], { produce, ledger, databaseUrl }) => {
  const other = await otherDatabase(databaseUrl);
  await execute(other.url, shape);
  await produce({ tenants: [{ grants: inFlip(table, { databaseUrlEnv: 'OTHER_URL' }), seeds: [BOTH] }] });
  await using databases = databasesOf(databaseUrl, other.url);
  const seed = await theSeed(ledger);
  await databases.use('OTHER_URL', async (there) => {
    if (there.kind === 'other') await there.em.transactional((tx) => write(tx, seed));
  });

  const outcome = await (await granterOf(ledger, databases))(seed, sub);

  expect(outcome).toMatchObject({ kind: 'granted', added: lines });
  expect(await rowsOf(other.url)).toHaveLength(2);
  expect(await auditOf(databaseUrl)).toHaveLength(lines);
  await databases[Symbol.asyncDispose]();
  await other.drop();
});

test('a grant that somebody else made is kept, and is not in the audit trail', async ({
  produce,
  ledger,
  databaseUrl,
}) => {
  await produce({ tenants: [{ seeds: [BOTH] }] }, 'v1');
  await execute(databaseUrl, `insert into public.user_role (tenant_id, user_id, role_id) values ('flip', $1, $2)`, [
    sub,
    ADMIN,
  ]);
  await using databases = databasesOf(databaseUrl);

  expect(await (await granterOf(ledger, databases))(await theSeed(ledger), sub)).toMatchObject({
    added: 1,
  });

  expect(await grantsIn(databaseUrl)).toEqual([grant(RESEARCHER), grant(ADMIN)]);
  expect(await auditOf(databaseUrl)).toEqual([grant(RESEARCHER)]);
});

test('a seed that failed half-way has no grant at all', async ({ produce, ledger, databaseUrl }) => {
  await produce({ tenants: [{ seeds: [BOTH] }] }, 'v1');
  await execute(databaseUrl, 'delete from public.roles where id = $1', [RESEARCHER]);
  await using databases = databasesOf(databaseUrl);

  expect(await (await granterOf(ledger, databases))(await theSeed(ledger), sub)).toMatchObject({
    kind: 'blocked',
    reason: 'role-unknown',
  });

  expect(await grantsIn(databaseUrl)).toEqual([]);
  expect(await auditOf(databaseUrl)).toEqual([]);
  expect(await statesOf(databaseUrl)).toEqual({ [EMAIL]: 'pending' });
});

describeOnBothPlatforms('a newer run', (queueTest) => {
  queueTest(
    'that takes over while a user is looked up: the older one grants nothing, and fails nothing',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      cognito.addPool({
        id: POOL,
        users: [{ email: EMAIL, sub }, { email: 'twin@example.org' }, { email: 'twin@example.org' }],
      });
      cognito.setLatency(1_000);
      const old = await produce(
        { tenants: [{ seeds: [{ email: EMAIL, roles: ['admin'] }, 'twin@example.org'] }] },
        'v1',
      );
      await work();
      await expect.poll(() => cognito.counts.calls.ListUsers, { timeout: 5_000 }).toBe(2);

      await produce({ tenants: [{ seeds: [{ email: EMAIL, roles: ['researcher'] }] }] }, 'v2');
      await untilStates(databaseUrl, { [EMAIL]: 'granted' });

      expect(await statesOf(databaseUrl, old.run)).toEqual({ [EMAIL]: 'superseded', 'twin@example.org': 'superseded' });
      await expect.poll(() => queue.getCompletedCount()).toBe(3);
      expect(await failedJobs(queue)).toEqual([]);
      expect(await grantsIn(databaseUrl)).toEqual([grant(RESEARCHER)]);
      expect(await auditOf(databaseUrl)).toEqual([grant(RESEARCHER)]);
    },
  );

  queueTest(
    'a job whose payload cannot be read blocks its seed, as nobody else would',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });
      await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
      const [job] = await queue.getJobs(['prioritized']);
      await job?.updateData({ v: 99 });
      await work();
      await untilStates(databaseUrl, { [EMAIL]: 'blocked: unexpected' });
      await expect.poll(() => failedJobs(queue)).toEqual(['unexpected']);
    },
  );
});

/** What a worker does in the database of the grants, and no more. */
function write(tx: EntityManager, seed: TakenSeed) {
  return stores(seed.grants).write(tx, seed.grants, [{ ...seed, seedId: seed.id, sub }], { readAfresh: false });
}

async function granterOf(ledger: Ledger, databases: GrantsDatabases) {
  return createSeedGranter({ execute: await runPrepared(ledger), ledger: ledger.em, databases, stores });
}

/** The one seed that was recorded, as a worker takes it. */
async function theSeed(ledger: Ledger): Promise<TakenSeed> {
  const [row] = await ledger.em.fork().execute<{ id: string; run: string }[]>(sql`select id, run from rolecall.seed`);
  const takeSeed = createSeedTaker(ledger.em, await runPrepared(ledger));
  const seed = await takeSeed({ run: RunId.parse(Number(row?.run)), seedId: SeedId.parse(Number(row?.id)) });
  if (seed === null) throw new Error('the seed needs nothing');
  return seed;
}

function databasesOf(ledgerUrl: string, otherUrl?: string): GrantsDatabases {
  return createGrantsDatabases({
    ledgerUrl,
    urlOf: (name) => urlOfVariable(name === 'OTHER_URL' ? otherUrl : ledgerUrl),
  });
}

async function otherDatabase(databaseUrl: string): Promise<{ url: string; drop: () => Promise<unknown> }> {
  const name = `${new URL(databaseUrl).pathname.slice(1)}_other`;
  await execute(databaseUrl, `create database ${name}`);
  return {
    url: withDatabase(databaseUrl, name),
    drop: () => execute(databaseUrl, `drop database ${name} with (force)`),
  };
}
