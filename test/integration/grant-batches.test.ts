import pg from 'pg';
import { describe, expect } from 'vitest';
import { auditOf, countStates, statesOf } from '../support/ledger.ts';
import { ADMIN, people, RESEARCHER } from '../support/manifest.ts';
import {
  FIRST_SHAPE,
  FIRST_TABLE,
  inFlip,
  LATER_SHAPE,
  LATER_TABLE,
  openGranter,
  rowsOf,
  subOf,
  tally,
} from '../support/own-tables.ts';
import { execute } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

const emails = people(30);
const poisoned = emails[17] ?? '';
const healthy = emails.filter((email) => email !== poisoned);
const MANAGED = {};
const OWN = inFlip(LATER_TABLE);

describe.for([
  ['the managed tables', MANAGED, 'public.user_role', 'public.roles'],
  ['tables of its own', OWN, 'flip.user_role', 'flip.roles'],
] as const)('thirty grants at once in %s', ([, grants, table, roles]) => {
  test('are made in a few transactions', async ({ produce, databaseUrl }) => {
    await execute(databaseUrl, LATER_SHAPE);
    await produce({ tenants: [{ grants, seeds: emails }] });
    await using granter = await openGranter(databaseUrl);

    expect(tally(await granter.grant())).toEqual({ granted: 30 });

    const transactions = await execute(databaseUrl, `select distinct xmin::text from ${table}`);
    expect(transactions.length).toBeLessThan(10);
    expect(await rowsOf(databaseUrl, 'user_id', table)).toHaveLength(30);
    expect(await auditOf(databaseUrl)).toHaveLength(30);
  });

  test.for([
    ['whose role is unknown', 'role-unknown', `delete from ${roles} where id = '${RESEARCHER}'`],
    [
      'that a trigger is against',
      'grants-refused',
      `create function public.no() returns trigger language plpgsql as $$ begin
         if new.user_id = '${subOf(poisoned)}' then raise exception 'no'; end if; return new; end $$;
       create trigger no before insert on ${table} for each row execute function public.no()`,
    ],
    [
      'that a trigger swallows',
      'grants-refused',
      `create function public.no() returns trigger language plpgsql as $$ begin
         if new.user_id = '${subOf(poisoned)}' then return null; end if; return new; end $$;
       create trigger no before insert on ${table} for each row execute function public.no()`,
    ],
    [
      'of which a trigger makes another role',
      'grants-refused',
      `create function public.no() returns trigger language plpgsql as $$ begin
         if new.user_id = '${subOf(poisoned)}' then new.role_id := '${ADMIN}'; end if; return new; end $$;
       create trigger no before insert on ${table} for each row execute function public.no()`,
    ],
  ] as const)('one %s fails alone', async ([, reason, wrong], { produce, databaseUrl }) => {
    await execute(databaseUrl, LATER_SHAPE);
    const seeds = emails.map((email) => ({ email, roles: email === poisoned ? ['researcher' as const] : undefined }));
    await produce({
      tenants: [{ grants, seeds: seeds.map(({ email, roles: of }) => (of ? { email, roles: of } : email)) }],
    });
    await execute(databaseUrl, wrong);
    await using granter = await openGranter(databaseUrl);

    const outcomes = await granter.grant();

    expect(tally(outcomes)).toEqual({ granted: 29, [`blocked: ${reason}`]: 1 });
    expect(outcomes[17]).toMatchObject({ kind: 'blocked' });
    const subs = healthy.map((email) => ({ user_id: subOf(email) }));
    expect(new Set(await rowsOf(databaseUrl, 'user_id', table))).toEqual(new Set(subs));
    expect(await auditOf(databaseUrl)).toHaveLength(29);
  });
});

test('a row that somebody else holds a lock on keeps its neighbours waiting for a moment only', async ({
  produce,
  databaseUrl,
}) => {
  await execute(databaseUrl, LATER_SHAPE);
  await produce({ tenants: [{ grants: OWN, seeds: emails }] });
  await using granter = await openGranter(databaseUrl);
  await using application = await openTransaction(databaseUrl);
  await application.query('insert into flip.user_role (id, user_id, role_id) values (gen_random_uuid(), $1, $2)', [
    subOf(poisoned),
    ADMIN,
  ]);

  const granting = granter.grant();
  await expect.poll(() => countStates(databaseUrl), { timeout: 10_000 }).toEqual({ granted: 29, pending: 1 });
  await application.query('rollback');

  expect(tally(await granting)).toEqual({ granted: 30 });
});

test('a user whom two seeds of a batch bootstrap gets the role of one', async ({ produce, databaseUrl }) => {
  await execute(databaseUrl, FIRST_SHAPE);
  const grants = inFlip(FIRST_TABLE, { mode: 'bootstrap' });
  await produce({
    tenants: (['admin', 'researcher'] as const).map((role) => ({
      id: role,
      grants,
      seeds: people(15).map((email) => ({ email, roles: [role] })),
    })),
  });
  await using granter = await openGranter(databaseUrl);

  expect(tally(await granter.grant())).toEqual({ granted: 30 });

  expect(await rowsOf(databaseUrl, 'user_id')).toHaveLength(15);
  expect(await execute(databaseUrl, 'select distinct user_id from flip.user_role')).toHaveLength(15);
  expect(await auditOf(databaseUrl)).toHaveLength(15);
});

test('a newer run that supersedes half of a batch comes before its grants', async ({ produce, databaseUrl }) => {
  await produce({ tenants: [{ seeds: emails }] });
  await using granter = await openGranter(databaseUrl);
  await using newer = await openTransaction(databaseUrl);
  const superseded = emails.filter((_, n) => n % 2 === 0);
  await newer.query(`update rolecall.seed set state = 'superseded' where email = any($1)`, [superseded]);

  const granting = granter.grant();
  await expect.poll(() => waitingFor(databaseUrl, 'update rolecall.seed')).toBeGreaterThan(0);
  await newer.query('commit');

  expect(tally(await granting)).toEqual({ granted: 15, overtaken: 15 });
  expect(await auditOf(databaseUrl)).toHaveLength(15);
  expect(await subsIn(databaseUrl)).toEqual(new Set(emails.filter((_, n) => n % 2 === 1).map(subOf)));
});

test('a newer run that takes over in the middle: who is superseded holds nothing', async ({ produce, databaseUrl }) => {
  const many = people(400);
  const old = await produce({ tenants: [{ seeds: many }] }, 'v1');
  await execute(
    databaseUrl,
    `create function public.slow() returns trigger language plpgsql as $$ begin
       perform pg_sleep(0.01); return new; end $$;
     create trigger slow before insert on public.user_role for each row execute function public.slow()`,
  );
  await using granter = await openGranter(databaseUrl);

  const granting = granter.grant();
  await expect.poll(async () => (await countStates(databaseUrl))['granted'] ?? 0).toBeGreaterThan(0);
  await produce({ tenants: [{ seeds: ['new@example.org'] }] }, 'v2');
  const outcomes = tally(await granting);

  const states = await statesOf(databaseUrl, old.run);
  const granted = many.filter((email) => states[email] === 'granted');
  expect(new Set(Object.values(states))).toEqual(new Set(['granted', 'superseded']));
  expect(Object.keys(outcomes).toSorted()).toEqual(['granted', 'nothing to do', 'overtaken']);
  expect(outcomes['granted']).toBe(granted.length);
  expect(await subsIn(databaseUrl)).toEqual(new Set(granted.map(subOf)));
  expect(await auditOf(databaseUrl)).toHaveLength(granted.length);
});

test('a database that is down fails its own seeds, and no others', async ({ produce, databaseUrl }) => {
  await execute(databaseUrl, LATER_SHAPE);
  const there = inFlip(LATER_TABLE, { databaseUrlEnv: 'OTHER_URL' });
  await produce({
    tenants: [
      { id: 'here', grants: OWN, seeds: emails },
      { id: 'there', grants: there, seeds: emails },
    ],
  });
  await using granter = await openGranter(databaseUrl, {
    urlOf: (name) => ({ url: name === 'OTHER_URL' ? 'postgres://nobody@127.0.0.1:1/nowhere' : databaseUrl }),
  });

  expect(tally(await granter.grant())).toEqual({ granted: 30, 'retrying: database-unavailable': 30 });

  expect(await rowsOf(databaseUrl)).toHaveLength(30);
  expect(await countStates(databaseUrl)).toEqual({ granted: 30, pending: 30 });
});

/** Somebody else, in the middle of something. */
async function openTransaction(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('begin');
  return {
    query: (text: string, values?: unknown[]) => client.query(text, values),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** How many statements with this text wait for a lock. */
async function waitingFor(url: string, text: string): Promise<number> {
  const rows = await execute(
    url,
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%' || $1 || '%'`,
    [text],
  );
  return rows.length;
}

async function subsIn(url: string): Promise<ReadonlySet<string>> {
  const rows = await execute<{ user_id: string }>(url, 'select user_id from public.user_role');
  return new Set(rows.map((row) => row.user_id));
}
