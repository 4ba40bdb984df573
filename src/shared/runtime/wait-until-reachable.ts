import pRetry from 'p-retry';

/** Something this process depends on did not answer within the bound: exit 5. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export interface WaitOptions {
  readonly what: string;
  /** How long to go on asking. */
  readonly boundMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks until `probe` no longer throws: at boot, a database often starts beside us. The probe must have a time-out of its
 * own. What it throws is not shown beyond its code, as drivers quote URLs.
 */
export async function waitUntilReachable(probe: () => Promise<unknown>, { what, boundMs, signal }: WaitOptions) {
  try {
    await pRetry(probe, {
      retries: Number.POSITIVE_INFINITY,
      maxRetryTime: boundMs,
      minTimeout: 200,
      maxTimeout: 2_000,
      ...(signal && { signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unreachable(what, cause);
  }
}

/** What gave an SQLSTATE, or another answer that is known here, was reached, and refused. EPIPE has no digit. */
export function unreachable(what: string, cause: unknown): UnreachableError {
  const code = codeOf(cause);
  const why = REFUSALS.get(code);
  const verb = why !== undefined || /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? 'refuses' : 'cannot be reached';
  return new UnreachableError(`${what} ${verb}${why === undefined ? '' : `: ${why}`} (${code})`, { cause });
}

/** The ledger was asked, and did not say what it was asked for. */
export function describeSilence(error: unknown): string {
  const code = codeOf(error);
  const why = REFUSALS.get(code);
  return why === undefined
    ? `the ledger does not answer (${code})`
    : `the ledger (DATABASE_URL) refuses: ${why} (${code})`;
}

const NO_TLS = 'ERR_NO_TLS';
/** ioredis: Command.js; pg-pool: index.js; pg: lib/client.js. */
const TIMED_OUT = /^(?:Command timed out|timeout exceeded when trying to connect|Query read timeout)$/;

/** SQLSTATEs (PostgreSQL: Appendix A) and what Redis replies, where somebody has to do something about it. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['28P01', 'wrong user or password'],
  ['28000', 'it does not let this user in'],
  ['3D000', 'there is no such database'],
  ['42501', 'the user lacks a right'],
  ['WRONGPASS', 'wrong user or password'],
  ['NOAUTH', 'it wants a password'],
  ['NOPERM', 'the user lacks a right'],
  [NO_TLS, 'it does not speak TLS, which the URL wants'],
  ['ERR_DB_INDEX', 'it has no database of that number'],
  ['42703', 'this version is newer than the ledger: run its produce'],
]);

/** The stable name of a driver's error: an errno, an SQLSTATE, the word that Redis replied, else its class. */
export function codeOf(error: unknown): string {
  const { code, name, message } = (error ?? {}) as { code?: unknown; name?: unknown; message?: unknown };
  if (typeof code === 'string') return code; // a DOMException's is a number that nobody knows
  if (name === 'ReplyError') return /^[A-Z]+\b/.exec(String(message))?.[0] ?? 'ERR';
  if (/does not support SSL/.test(String(message))) return NO_TLS; // pg: lib/connection.js
  if (name === 'TimeoutError' || TIMED_OUT.test(String(message))) return 'ETIMEDOUT';
  return String(name ?? 'unknown');
}
