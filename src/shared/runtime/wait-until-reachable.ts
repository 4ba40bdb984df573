import pRetry from 'p-retry';
import { codeOf, isAboutTls, NO_TLS } from '#shared/errors/code-of.ts';
import { isCertificateCode } from '#shared/errors/is-certificate-code.ts';

/** Something this process depends on did not answer within the bound: exit 5. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** It answered, or was not to be trusted: waiting mends nothing. */
export class RefusedError extends UnreachableError {}

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
      shouldRetry: ({ error }) => !isAboutTls(codeOf(error)), // nothing that starts beside us mends it
      ...(signal && { signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unreachable(what, cause);
  }
}

/** What gave an SQLSTATE, or another answer that is known here, was reached, and refused. */
export function unreachable(what: string, cause: unknown): UnreachableError {
  const code = codeOf(cause);
  const Kind = isRefusal(code) && code !== POOLER ? RefusedError : UnreachableError;
  return new Kind(`${what} ${verdictOf(code)}`, { cause });
}

/** The ledger was asked, and did not say what it was asked for. */
export function describeSilence(error: unknown): string {
  const code = codeOf(error);
  return isRefusal(code) ? `the ledger (DATABASE_URL) ${verdictOf(code)}` : `the ledger does not answer (${code})`;
}

function isRefusal(code: string): boolean {
  return REFUSALS.has(code) || isCertificateCode(code);
}

function verdictOf(code: string): string {
  const why = REFUSALS.get(code);
  const because = why === undefined ? '' : `: ${why}`;
  if (isCertificateCode(code)) return `is not to be trusted${because} (${code})`;
  const isSqlState = /^(?=.*\d)[0-9A-Z]{5}$/.test(code); // EPIPE has no digit
  return `${why !== undefined || isSqlState ? 'refuses' : 'cannot be reached'}${because} (${code})`;
}

/** PgBouncer's word for nearly everything, also for what passes. */
const POOLER = '08P01';
const UNKNOWN_AUTHORITY =
  'this machine does not know the authority that signed its certificate; name its file by NODE_EXTRA_CA_CERTS, or for PostgreSQL by sslrootcert in the URL';

/** SQLSTATEs (PostgreSQL: Appendix A), what Redis replies and TLS codes, where somebody has to do something about it. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['28P01', 'wrong user or password'],
  ['28000', 'it does not let this user in'],
  ['3D000', 'there is no such database'],
  ['42501', 'the user lacks a right'],
  [POOLER, 'what stands before it, like PgBouncer, does not let us in, or has lost it: see docs/deploy.md'],
  ['WRONGPASS', 'wrong user or password'],
  ['NOAUTH', 'it wants a password'],
  ['NOPERM', 'the user lacks a right'],
  [NO_TLS, 'it does not speak TLS, which the URL wants'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_AUTHORITY],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_AUTHORITY],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_AUTHORITY],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another host'],
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['ERR_DB_INDEX', 'it has no database of that number'],
  ['42703', 'this version is newer than the ledger: run its produce'],
]);
