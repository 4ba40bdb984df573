import type { Reason } from '#shared/contract/reasons.ts';
import { codeOf, isAboutTls } from '#shared/errors/code-of.ts';

/** SQLSTATE → reason (PostgreSQL: Appendix A). Five characters are one state, two are the rest of its class. */
export const REASON_BY_SQLSTATE = {
  '08': 'database-unavailable', // connection exceptions
  '40': 'database-conflict', // serialization failures and deadlocks
  '53': 'database-unavailable', // out of connections, memory or disk
  '55P03': 'database-conflict', // lock not available
  '57014': 'database-unavailable', // statement time-out
  '57': 'database-unavailable', // the server is shutting down or starting
  '58': 'database-unavailable', // I/O errors
  '25006': 'database-unavailable', // a standby: a failover is under way
  '25P03': 'database-unavailable', // the session or the transaction took too long
  '25P04': 'database-unavailable',
  '28': 'database-refused',
  '3D000': 'database-refused', // no such database
  '42P01': 'grants-table-missing',
  '3F000': 'grants-table-missing', // no such schema
  '42703': 'grants-table-missing', // no such column
  '42501': 'grants-not-writable',
  '23503': 'role-unknown',
  '42P10': 'grants-table-missing', // no unique constraint that fits: not the tables that rolecall migrates
  '0A': 'grants-refused', // the table has a rule, say
  '55000': 'grants-refused', // it is a view that takes no rows
  '21': 'grants-refused', // a trigger changes a row twice, say
  '22': 'grants-refused',
  '23': 'grants-refused',
  '42': 'grants-refused',
  '44': 'grants-refused', // it is a view that would not show the row
  P0: 'grants-refused', // a trigger raised
} as const satisfies Record<string, Reason>;

const REASONS_BY_SQLSTATE: ReadonlyMap<string, Reason> = new Map(Object.entries(REASON_BY_SQLSTATE));

/** By errno, then by SQLSTATE. MikroORM wraps what the driver throws and keeps its code. */
export function classifyDatabaseError(error: unknown): Reason {
  if (!(error instanceof Error)) return 'unexpected';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && /^E(?!RR_)[A-Z_]+$/.test(code)) return 'database-unavailable'; // first: EPIPE has five
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    return REASONS_BY_SQLSTATE.get(code) ?? REASONS_BY_SQLSTATE.get(code.slice(0, 2)) ?? 'unexpected';
  }
  if (isAboutTls(codeOf(error))) return 'database-refused';
  return isLostConnection(error) ? 'database-unavailable' : 'unexpected';
}

/** A statement that took too long, be it for a single row, or wanted too much at once: more locks than there is memory for, say. */
const TOO_MUCH: ReadonlySet<unknown> = new Set(['57014', '53200']);

/** About the connection, so that no other statement would fare better now. */
export function isDatabaseAway(error: unknown): boolean {
  const reason = classifyDatabaseError(error);
  const isStatement = error instanceof Error && 'code' in error && TOO_MUCH.has(error.code);
  return (reason === 'database-unavailable' || reason === 'database-refused') && !isStatement;
}

/**
 * These have no code (pg: lib/client.js, pg-pool: index.js, kysely: runtime-driver.js). The last two come when this
 * process shuts down under a job that did not end in time: no verdict on its seed.
 */
function isLostConnection({ message }: Error): boolean {
  return /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|after calling end on the pool|driver has already been destroyed/i.test(
    message,
  );
}
