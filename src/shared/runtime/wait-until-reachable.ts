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

/** An SQLSTATE is an answer: what gave it was reached, and refused. It has a digit, which EPIPE has not. */
export function unreachable(what: string, cause: unknown): UnreachableError {
  const code = codeOf(cause);
  const verb = /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? 'refuses' : 'cannot be reached';
  const why = REFUSALS.get(code);
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

/** SQLSTATEs that somebody has to do something about (PostgreSQL: Appendix A). */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['28P01', 'wrong user or password'],
  ['28000', 'it does not let this user in'],
  ['3D000', 'there is no such database'],
  ['42501', 'the user lacks a right'],
  ['42703', 'this version is newer than the ledger: run its produce'],
]);

/** The stable name of a driver's error: an errno, an SQLSTATE, else its class. */
export function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return String(code ?? name ?? 'unknown');
}
