import { isCertificateCode } from './is-certificate-code.ts';
import { redisErrorCode } from './redis-error-code.ts';

/** PostgreSQL was asked for TLS and has none (pg: lib/connection.js). */
export const NO_TLS = 'ERR_NO_TLS';

/** ioredis: Command.js; pg-pool: index.js; pg: lib/client.js. */
const TIMED_OUT = /^(?:Command timed out|timeout exceeded when trying to connect|Query read timeout)$/;

/** The stable name of a driver's error: an errno, an SQLSTATE, the word that Redis replied, else its class. */
export function codeOf(error: unknown): string {
  const { code, name, message } = (error ?? {}) as { code?: unknown; name?: unknown; message?: unknown };
  if (typeof code === 'string') return code; // a DOMException's is a number that nobody knows
  if (name === 'ReplyError') return redisErrorCode(String(message));
  if (/does not support SSL/.test(String(message))) return NO_TLS;
  if (name === 'TimeoutError' || TIMED_OUT.test(String(message))) return 'ETIMEDOUT';
  return String(name ?? 'unknown');
}

/** By its code: there is no TLS, or not with one that is to be trusted. */
export function isAboutTls(code: string): boolean {
  return code === NO_TLS || isCertificateCode(code);
}
