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

/**
 * Runs statements by name: parsed once in each connection, and planned once where PostgreSQL finds that a plan for all
 * parameters is as good as one for these. Connections must be sessions of our own, not a transaction pooler's.
 */
export function prepareStatements(pool: Pool, { prefix, most }: PreparingOptions) {
  const query = pool.query.bind(pool);
  const names = new Map<string, string>();

  return async ({ text, values }: Statement): Promise<QueryResult<object>> => {
    const unprepared = { text, values: [...values] };
    const name = nameOf(text);
    if (name === undefined) return query(unprepared);
    try {
      return await query({ ...unprepared, name });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && NOT_AS_PREPARED.has(error.code))) throw error;
      return query(unprepared);
    }
  };

  function nameOf(text: string): string | undefined {
    const known = names.get(text);
    if (known !== undefined || names.size === most) return known;
    const name = `${prefix}_${names.size + 1}`;
    names.set(text, name);
    return name;
  }
}
