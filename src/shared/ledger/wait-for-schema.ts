import pRetry from 'p-retry';
import { codeOf, unreachable, UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { LEDGER_MIGRATIONS, type Ledger } from './ledger.ts';

export interface SchemaWait {
  /** What BullMQ must have migrated to in the same database; `null` when the queue is not there. */
  readonly queueSchemaVersion: number | null;
  /** How long to go on asking. */
  readonly boundMs: number;
  readonly signal?: AbortSignal;
}

/** A producer that starts beside us needs some seconds; asking costs one or two small queries. */
const POLL_MS = 500;

/**
 * Waits until the producer has migrated the database to what this version knows: workers and ops often start first, and
 * only the producer may migrate. Rejects with `UnreachableError` when the bound is over; an abort rejects with its reason.
 */
export async function waitForSchema(ledger: Ledger, { queueSchemaVersion, boundMs, signal }: SchemaWait) {
  const askLedger: Ask = (text) => ledger.em.fork().execute(text);
  const check = async () => {
    const problem = await schemaProblem(askLedger, queueSchemaVersion);
    if (problem !== null) throw new UnreachableError(problem);
  };
  try {
    await pRetry(check, {
      retries: Number.POSITIVE_INFINITY,
      factor: 1,
      minTimeout: POLL_MS,
      maxRetryTime: boundMs,
      ...(signal && { signal }),
    });
  } catch (cause) {
    if (signal?.aborted || cause instanceof UnreachableError) throw cause;
    throw unreachable('PostgreSQL (DATABASE_URL)', cause);
  }
}

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
