import { codeOf } from '#shared/errors/code-of.ts';
import { LEDGER_MIGRATIONS } from './ledger.ts';

/** SQLSTATE: the table or the whole schema does not exist, so nothing was ever migrated or produced. */
export function isNotMigrated(error: unknown): boolean {
  return ['42P01', '3F000'].includes(codeOf(error));
}

/** Asks one question of a database, and returns the rows. */
export type Ask = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** What keeps this version from working with the ledger and, where it is beside it, with the queue; `null`: nothing. */
export async function schemaProblem(ask: Ask, queueSchemaVersion: number | null): Promise<string | null> {
  if (!(await hasApplied(ask, 'rolecall.migration', LEDGER_MIGRATIONS))) {
    return 'the ledger is not migrated: run rolecall migrate or rolecall produce';
  }
  if (queueSchemaVersion === null) return null;
  const [queue] = await rowsIfMigrated(
    ask<{ version: number | null }>('select max(version) as version from bullmq.migration'),
  );
  return (queue?.version ?? 0) >= queueSchemaVersion
    ? null
    : 'the tables of the queue are not migrated: run rolecall migrate or rolecall produce';
}

/** Whether each of these migrations stands in a table that lists them. */
export async function hasApplied(ask: Ask, table: string, migrations: readonly { readonly name: string }[]) {
  const applied = await rowsIfMigrated(ask<{ name: string }>(`select name from ${table}`));
  return migrations.every(({ name }) => applied.some((migration) => migration.name === name));
}

/** No rows where the table does not exist yet. */
export async function rowsIfMigrated<Row>(rows: Promise<Row[]>): Promise<Row[]> {
  try {
    return await rows;
  } catch (error) {
    if (isNotMigrated(error)) return [];
    throw error;
  }
}
