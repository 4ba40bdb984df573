import { createHash } from 'node:crypto';
import type { Pool, QueryResult } from 'pg';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface PreparingOptions {
  /** Begins the names of the statements. */
  readonly prefix: string;
  /** What a connection keeps prepared; beyond this many they are planned anew. */
  readonly most: number;
}

/**
 * The plan is of no use any more, or the connection no longer has it (PostgreSQL: Appendix A; "cached plan must not change
 * result type" is 0A000). All of them come before anything is executed.
 */
const NOT_AS_PREPARED: ReadonlySet<unknown> = new Set(['0A000', '26000', '42P05']);
/** What one session prepares is not there in the next one, or is there already: a transaction pooler stands in between. */
const NOT_OUR_SESSION: ReadonlySet<unknown> = new Set(['26000', '42P05']);

/**
 * Runs statements by name: parsed once in each connection, and planned once where PostgreSQL finds that a plan for all
 * parameters is as good as one for these. Where connections turn out to be no sessions of our own, nothing is prepared any more;
 * until then a session that others prepared in has the same statement by the same name.
 */
export function prepareStatements(pool: Pool, { prefix, most }: PreparingOptions) {
  const query = pool.query.bind(pool);
  const names = new Map<string, string>();
  let isPooled = false;

  return async ({ text, values }: Statement): Promise<QueryResult<object>> => {
    const unprepared = { text, values: [...values] };
    const name = isPooled ? undefined : nameOf(text);
    if (name === undefined) return query(unprepared);
    try {
      return await query({ ...unprepared, name });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && NOT_AS_PREPARED.has(error.code))) throw error;
      isPooled ||= NOT_OUR_SESSION.has(error.code);
      return query(unprepared);
    }
  };

  function nameOf(text: string): string | undefined {
    const known = names.get(text);
    if (known !== undefined || names.size === most) return known;
    const name = `${prefix}_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
    names.set(text, name);
    return name;
  }
}
