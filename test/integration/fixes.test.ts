import { sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import type { RunId, SeedId } from '#shared/contract/ids.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { moveToPending, moveToSuperseded } from '#shared/ledger/move-seed.ts';
import { askGate } from '../../src/ops/gate/ask-gate.ts';
import { retryFailedJobs, untilStates } from '../support/ledger.ts';
import { ADMIN, POOL } from '../support/manifest.ts';
import { moveSeed } from '../support/move-seed.ts';
import { FIRST_SHAPE, FIRST_TABLE, inFlip } from '../support/own-tables.ts';
import { recordedRun, times } from '../support/recorded-run.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { tallyErrors } from '../support/tally.ts';
import { platformTest as test } from '../support/worker.ts';

const [ADA, BOB, EVE] = ['ada@example.org', 'bob@example.org', 'eve@example.org'] as const;
const SUB = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' as never;

test('what would mend a seed stands beside its reason, until it is mended and the seed replayed', async ({
  produce,
  work,
  cognito,
  queue,
  ledger,
  databaseUrl,
}) => {
  await execute(
    databaseUrl,
    `${FIRST_SHAPE}; update flip.roles set name = 'Researchers' where name = 'Researcher';
     delete from flip.roles where id = '${ADMIN}'; insert into flip.roles values (gen_random_uuid(), 'Admin');
     alter table flip.user_role add constraint "no people" check (user_id is null)`,
  );
  cognito.addPool({ id: POOL, users: [ADA, BOB, EVE].map((email) => ({ email })) });
  const byName = inFlip({ ...FIRST_TABLE, roles: {} });
  await produce({
    tenants: [
      { id: 'names', grants: byName, seeds: [ADA, { email: BOB, roles: ['researcher'] }] },
      { id: 'ids', grants: inFlip(FIRST_TABLE), seeds: [EVE] },
    ],
  });

  const worker = await work();
  await untilStates(databaseUrl, {
    [BOB]: 'blocked: role-unknown',
    [ADA]: 'blocked: grants-refused',
    [EVE]: 'blocked: grants-refused',
  });
  const addRole = `insert into "flip"."roles" ("name") values ('Researcher'); (and what else a role needs)`;
  const noPeople = `The constraint "no people" of "flip"."user_role" refuses the row (23514): give it what it asks for, or change it.`;
  expect(await fixesIn(ledger)).toEqual({
    'ids: grants-refused': noPeople,
    'names: grants-refused': noPeople,
    'names: role-unknown': addRole,
  });

  await execute(
    databaseUrl,
    `update flip.roles set name = 'Researcher' where name = 'Researchers';
     alter table flip.user_role drop constraint "no people"`,
  );
  await expect.poll(() => queue.getFailedCount()).toBe(3);
  await retryFailedJobs(queue);
  await untilStates(databaseUrl, { [ADA]: 'granted', [BOB]: 'granted', [EVE]: 'blocked: role-unknown' });
  const foreignKey = `The foreign key "user_role_role_id_fkey" of "flip"."user_role" knows no such role: add it, or correct its id in the manifest (roles: admin).`;
  expect(await fixesIn(ledger)).toEqual({ 'ids: role-unknown': foreignKey });
  expect(worker.lines.join('')).toContain(JSON.stringify(foreignKey).slice(1, -1));

  await execute(databaseUrl, `insert into flip.roles values ('${ADMIN}', 'Administrator')`);
  await expect.poll(() => queue.getFailedCount()).toBe(1);
  await retryFailedJobs(queue);
  await untilStates(databaseUrl, { [ADA]: 'granted', [BOB]: 'granted', [EVE]: 'granted' });
  expect(await fixesIn(ledger)).toEqual({});
  expect(await execute(databaseUrl, 'select from rolecall.seed where fix is not null')).toEqual([]);
});

test.for([
  ['a variable that nobody set', undefined, 'database-not-configured', 'APP1_DATABASE_URL: not set'],
  [
    'a variable that holds something else',
    () => 'jdbc:postgresql://app:secret@db/app1',
    'database-not-configured',
    'APP1_DATABASE_URL: expected postgres://user:password@host:port/database, special characters of the password percent-encoded',
  ],
  [
    'a database that does not exist',
    (url: string) => withDatabase(url, 'no_such_database'),
    'database-refused',
    'PostgreSQL (APP1_DATABASE_URL) refuses: there is no such database (3D000)',
  ],
] as const)('%s is named', async ([, valueFor, reason, fix], { produce, work, cognito, ledger, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  const grants = inFlip(FIRST_TABLE, { databaseUrlEnv: 'APP1_DATABASE_URL' });
  await produce({ tenants: [{ grants, seeds: [ADA] }] });

  await work({ APP1_DATABASE_URL: valueFor?.(databaseUrl) });

  await untilStates(databaseUrl, { [ADA]: `blocked: ${reason}` });
  expect(await fixesIn(ledger)).toEqual({ [`flip: ${reason}`]: fix });
});

test('a pool that does not exist is named', async ({ produce, work, ledger, databaseUrl }) => {
  await produce({ tenants: [{ pool: 'eu-west-2_AbCdEfGhX', seeds: [ADA] }] });
  await work();

  await untilStates(databaseUrl, { [ADA]: 'blocked: pool-not-found' });
  expect(await fixesIn(ledger)).toEqual({ 'flip: pool-not-found': 'no pool eu-west-2_AbCdEfGhX in eu-west-2' });
});

test('seeds that share a fix say it once, those of other tenants and reasons say theirs', async ({ ledger }) => {
  const state = 'blocked' as const;
  const { seeds } = await recordedRun(ledger, {
    seeds: ['north', 'south'].flatMap((tenant) => times(6, { tenant, state })),
  });
  const block = (n: number, reason: 'role-unknown' | 'grants-refused', fix?: string) =>
    moveSeed(ledger.em.fork(), seeds[n]?.seedId as never, { kind: 'blocked', reason, ...(fix && { fix }) });
  const long = 'insert into "roles" '.repeat(500); // an entry of an index holds 2.7 kB
  for (const n of [0, 1, 2]) await block(n, 'role-unknown', long);
  for (const n of [3, 4]) await block(n, 'grants-refused', 'change it');
  await block(5, 'role-unknown');
  for (const n of [6, 7, 8, 9, 10]) await block(n, 'role-unknown', `add role ${n % 4}`);
  await block(11, 'grants-refused');

  const { 'south: role-unknown': south = '', ...north } = await fixesIn(ledger);

  expect(north).toEqual({ 'north: role-unknown': long, 'north: grants-refused': 'change it' });
  expect(south.split('\n')).toEqual([expect.any(String), expect.any(String), expect.any(String), 'and 1 more']);
  expect(new Set(south.split('\n')).size).toBe(4);
});

test.for<[what: string, move: (ledger: Ledger, id: SeedId, run: RunId) => Promise<unknown>]>([
  ['a replay', ({ em }, id) => moveToPending(em.fork(), [id])],
  ['a newer run', ({ em }, _, run) => moveToSuperseded(em.fork(), [run])],
  ['a grant', ({ em }, id) => moveSeed(em.fork(), id, { kind: 'granted', sub: SUB })],
  ['a verdict without one', ({ em }, id) => moveSeed(em.fork(), id, { kind: 'blocked', reason: 'user-missing' })],
])('%s takes the fix away', async ([, move], { ledger, databaseUrl }) => {
  const { run, seeds } = await recordedRun(ledger, { seeds: [{ state: 'pending' }] });
  const id = seeds[0]?.seedId as SeedId; // there is one
  await moveSeed(ledger.em.fork(), id, { kind: 'blocked', reason: 'role-unknown', fix: 'add it' });
  expect(await fixesIn(ledger)).toEqual({ 'flip: role-unknown': 'add it' });

  await move(ledger, id, run);

  expect(await execute(databaseUrl, 'select fix from rolecall.seed')).toEqual([{ fix: null }]);
  expect(await fixesIn(ledger)).toEqual({});
});

test('a worker of the version before, which knows no fixes, moves seeds that have one', async ({
  ledger,
  databaseUrl,
}) => {
  const { seeds } = await recordedRun(ledger, {
    seeds: [...times(2, { state: 'pending' }), { state: 'blocked', reason: 'user-missing' }],
  });
  const [first, second] = seeds.map(({ seedId }) => seedId);
  for (const id of [first, second]) {
    await moveSeed(ledger.em.fork(), id as SeedId, { kind: 'blocked', reason: 'role-unknown', fix: 'add it' });
  }

  await execute(databaseUrl, `update rolecall.seed set state = 'pending', reason = null where id = $1`, [first]);
  await execute(databaseUrl, `update rolecall.seed set state = 'skipped', reason = 'user-missing' where id = $1`, [
    second,
  ]);

  expect(await askGate(ledger.em.fork(), {})).toMatchObject({
    gate: { reasons: [{ tenant: 'flip', reason: 'user-missing', count: 1 }] },
  });
  expect(await fixesIn(ledger)).toEqual({});
  expect(await tallyErrors(databaseUrl)).toEqual([]);
});

test('a ledger that is yet to be migrated has no fixes of seeds, and says those of tenants', async ({ ledger }) => {
  await recordedRun(ledger, {
    seeds: [
      { state: 'blocked', reason: 'role-unknown' },
      { state: 'blocked', reason: 'access-denied' },
    ],
  });
  await ledger.em.execute(sql`alter table rolecall.seed drop column fix`);
  await ledger.em.execute(sql`
    update rolecall.release_tenant set fault_reason = 'access-denied', fault_detail = 'allow it', fault_at = now()`);

  expect(await fixesIn(ledger)).toEqual({ 'flip: access-denied': 'allow it' });
});

/** What the gate says would mend each reason; empty where it is open. */
async function fixesIn({ em }: Ledger): Promise<Record<string, string>> {
  const answer = await askGate(em.fork(), {});
  if (answer.kind !== 'known') throw new Error('the gate was not answered');
  return Object.fromEntries(
    answer.gate.reasons.flatMap(({ tenant, reason, fix }) =>
      fix === undefined ? [] : [[`${tenant}: ${reason}`, fix]],
    ),
  );
}
