import { RawQueryFragment } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import type { Ledger } from './ledger.ts';

/** Runs one statement on its own, outside of any transaction, and returns its rows. */
export type RunStatement = <Rows extends object[]>(statement: RawQueryFragment) => Promise<Rows>;

/** What a connection keeps prepared. A schema per tenant makes a statement of each; beyond this many they are planned anew. */
const MAX_PREPARED = 20;

/**
 * The plan is of no use any more, or the connection no longer has it (PostgreSQL: Appendix A; "cached plan must not change
 * result type" is 0A000). All of them come before anything is executed.
 */
const NOT_AS_PREPARED: ReadonlySet<unknown> = new Set(['0A000', '26000', '42P05']);

/** As MikroORM does it: parameters become part of the text, and each statement is parsed and planned anew. */
export function runUnprepared(ledger: Ledger): RunStatement {
  return (statement) => ledger.em.fork().execute(statement);
}

/**
 * Parsed once in each connection, and planned once where PostgreSQL finds that a plan for all parameters is as good as
 * one for these: planning takes nearly as long as granting does. Connections must be sessions of our own, which the
 * queue in PostgreSQL needs anyway (LISTEN).
 */
export async function runPrepared(ledger: Ledger): Promise<RunStatement> {
  const pool: Pool = await ledger.driver.getConnection().getNativeClient();
  const names = new Map<string, string>();

  return async <Rows extends object[]>(statement: RawQueryFragment) => {
    const query = compile(statement);
    const name = nameOf(query.text);
    if (name === undefined) return rowsOf<Rows>(await pool.query(query));
    try {
      return rowsOf<Rows>(await pool.query({ ...query, name }));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && NOT_AS_PREPARED.has(error.code))) throw error;
      return rowsOf<Rows>(await pool.query(query));
    }
  };

  function nameOf(text: string): string | undefined {
    const known = names.get(text);
    if (known !== undefined || names.size === MAX_PREPARED) return known;
    const name = `rolecall_${names.size + 1}`;
    names.set(text, name);
    return name;
  }
}

/** As their caller describes them, which nothing can check; MikroORM's own `execute` leaves it there as well. */
function rowsOf<Rows>({ rows }: { readonly rows: unknown[] }): Rows {
  return rows as Rows;
}

/** `$1` in place of each value. A fragment in a fragment becomes part of the text, an array a list of values. */
function compile(statement: RawQueryFragment): { text: string; values: unknown[] } {
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
