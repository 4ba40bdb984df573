import { raw, sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { openLedger, type Ledger } from '#shared/ledger/ledger.ts';
import { runPrepared, type RunStatement } from '#shared/ledger/run-statement.ts';
import { databaseTest } from '../support/database.ts';

/** One connection, so that what is asked about it is asked in it. */
const test = databaseTest.extend('ledger', async ({ databaseUrl }, { onCleanup }) => {
  const ledger = await openLedger({ url: databaseUrl, maxConnections: 1 });
  onCleanup(() => ledger.close(true));
  return ledger;
});

/** As MikroORM does it: values become part of the text. */
const runUnprepared =
  ({ em }: Ledger): RunStatement =>
  (statement) =>
    em.fork().execute(statement);

const STATEMENTS = sql`select name, statement, generic_plans::int + custom_plans::int as runs from pg_prepared_statements order by name`;
const everyKind = () => sql`
    select ${`it's`}::text as value, 'b' in (${['a', 'b']}) as listed, ${sql`${1}::int + ${2}::int`} as sum, ${null}::text as none,
           9007199254740993::bigint as big`;

test('both ways return the same rows', async ({ ledger }) => {
  const prepared = await runPrepared(ledger);

  const rows = await prepared(everyKind());

  expect(rows).toEqual([{ value: `it's`, listed: true, sum: 3, none: null, big: '9007199254740993' }]);
  expect(await runUnprepared(ledger)(everyKind())).toEqual(rows);
});

test('a question mark in the name of a table is no placeholder', async ({ ledger }) => {
  await runUnprepared(ledger)(sql`create table "what?" as select 7 as n`);
  const prepared = await runPrepared(ledger);

  expect(await prepared(sql`select n from ${raw('"what?"')} where n = ${7}`)).toEqual([{ n: 7 }]);
});

test('a statement is prepared once, whatever its values are', async ({ ledger }) => {
  const prepared = await runPrepared(ledger);

  for (const n of [1, 2, 3]) expect(await prepared(sql`select ${n}::int as n`)).toEqual([{ n }]);

  expect(await runUnprepared(ledger)(STATEMENTS)).toEqual([
    { name: expect.stringMatching(/^rolecall_[\w-]{22}$/), statement: 'select $1::int as n', runs: 3 },
  ]);
});

test('a connection does not keep a statement for each of a thousand schemas', async ({ ledger }) => {
  const prepared = await runPrepared(ledger);

  for (let n = 0; n < 50; n += 1) expect(await prepared(sql`select ${raw(`${n}`)} as n`)).toEqual([{ n }]);

  expect(await runUnprepared(ledger)(STATEMENTS)).toHaveLength(30);
});

test.for<[what: string, meanwhile: string]>([
  ['a migration changes what it returns', 'alter table thing alter column n type text'],
  ['the connection was reset', 'deallocate all'],
])('a statement is not lost when %s', async ([, meanwhile], { ledger }) => {
  const run = runUnprepared(ledger);
  await run(sql`create table thing (n int)`);
  await run(sql`insert into thing values (7)`);
  const prepared = await runPrepared(ledger);
  const ask = async () => JSON.stringify(await prepared(sql`select n from thing where n::text = ${'7'}`));
  expect(await ask()).toBe('[{"n":7}]');

  await run(raw(meanwhile));

  expect(await ask()).toMatch(/"n":"?7/);
  expect(await ask()).toMatch(/"n":"?7/);
});

test('where a pooler gives our sessions to others, nothing is prepared any more', async ({ ledger }) => {
  const run = runUnprepared(ledger);
  const prepared = await runPrepared(ledger);
  const ask = () => prepared(sql`select ${7}::int as n`);
  await ask();
  await run(raw('deallocate all')); // as if it were another session

  for (let times = 0; times < 3; times += 1) expect(await ask()).toEqual([{ n: 7 }]);

  expect(await run(STATEMENTS)).toEqual([]);
});

test('nor where it gives us those of others', async ({ ledger, databaseUrl }) => {
  await (
    await runPrepared(ledger)
  )(sql`select ${7}::int as n`);
  const [{ name }] = await runUnprepared(ledger)<[{ name: string }]>(STATEMENTS);
  await using another = await openLedger({ url: databaseUrl, maxConnections: 1 });
  const run = runUnprepared(another);
  await run(raw(`prepare "${name}" as select $1::int as n`)); // as if it were a session that another worker had before
  const prepared = await runPrepared(another);

  expect(await prepared(sql`select ${8}::int as n`)).toEqual([{ n: 8 }]);

  await run(raw('deallocate all'));
  expect(await prepared(sql`select ${8}::int as n`)).toEqual([{ n: 8 }]);
  expect(await run(STATEMENTS)).toEqual([]);
});

test('what is wrong with a statement is told, with its SQLSTATE', async ({ ledger }) => {
  const prepared = await runPrepared(ledger);

  await expect(prepared(sql`select ${1}::int / 0`)).rejects.toMatchObject({ code: '22012' });
});
