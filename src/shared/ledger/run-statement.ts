import { RawQueryFragment } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { prepareStatements, type Statement } from '#shared/postgres/prepare-statements.ts';
import type { Ledger } from './ledger.ts';

/** Runs one statement on its own, outside of any transaction, and returns its rows. */
export type RunStatement = <Rows extends object[]>(statement: RawQueryFragment) => Promise<Rows>;

/** A schema per tenant makes a statement of each. */
const MOST_PREPARED = 30;

/** Prepared: planning a grant takes nearly as long as running it. */
export async function runPrepared(ledger: Ledger): Promise<RunStatement> {
  const pool: Pool = await ledger.driver.getConnection().getNativeClient();
  const run = prepareStatements(pool, { prefix: 'rolecall', most: MOST_PREPARED });
  return async <Rows extends object[]>(statement: RawQueryFragment) => rowsOf<Rows>(await run(compile(statement)));
}

/** As their caller describes them, which nothing can check; MikroORM's own `execute` leaves it there as well. */
function rowsOf<Rows>({ rows }: { readonly rows: unknown[] }): Rows {
  return rows as Rows;
}

/** `$1` in place of each value. A fragment in a fragment becomes part of the text, an array a list of values. */
function compile(statement: RawQueryFragment): Statement {
  const values: unknown[] = [];
  const text = write(statement);
  return { text, values };

  function write({ sql, params }: RawQueryFragment): string {
    if (params.length === 0) return sql; // a name of a table may have a question mark in it
    const [first = '', ...rest] = sql.split('?');
    return rest.reduce((written, part, at) => written + place(params[at]) + part, first);
  }

  function place(value: unknown): string {
    if (value instanceof RawQueryFragment) return write(value);
    if (Array.isArray(value)) return value.map(place).join(', ');
    return `$${values.push(value)}`;
  }
}
