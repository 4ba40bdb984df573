import { pino, type Logger } from 'pino';
import { LogLevel, type Env } from '#shared/config/env.ts';
import { redisErrorCode } from '#shared/errors/redis-error-code.ts';

export type Log = Logger;

/** Of the environment; what is no level is refused by whoever parses that, and until then logging must not fail. */
export function logLevelOf(env: Env): LogLevel {
  return LogLevel.safeParse(env['LOG_LEVEL'] || undefined).data ?? 'info';
}

/**
 * JSON lines on stderr. What others wrote into an error may quote an email or a URL with its password: whatever looks
 * like either is masked in the finished line, whoever logged it. A masked label passes.
 */
export function createLogger(level: string, write: (line: string) => void = toStderr): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(redact(line)) },
  );
}

/**
 * Pure: a text without email addresses and URL credentials. Rather too much is masked than too little. The text may be
 * JSON, so the letter of an escape (`\n`) belongs to no email: without it the line could not be parsed any more.
 */
export function redact(text: string): string {
  return text
    .replaceAll(/(:\/\/)[^\s/"']+@/g, '$1[redacted]@')
    .replaceAll(/\\(?:u[\da-f]{4}|.)|[^\s"\\@/]+@[^\s"'\\@=<>(),;:[\]]+/gi, (found) =>
      found.startsWith('\\') || found.includes('•••') || found.includes('[redacted]@') ? found : '[redacted]',
    );
}

/**
 * What may be said of a third party's error: its class and codes, where its maintainers find the request, and of PostgreSQL's
 * the table, the constraint and the column, which are names and no data. A text in place of an error is an explanation of our own.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (typeof error === 'string') return { message: redact(error) };
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, table, constraint, column, $metadata } = error as ThirdPartyError;
  const { httpStatusCode: status, requestId } = $metadata ?? {};
  const ofTable = table === undefined ? {} : { table, constraint, column }; // a name that comes alone is what a trigger raised
  return { name: error.name, code: code ?? replied(error), ...ofTable, status, requestId };
}

/** Redis has no codes, but a word for each kind. */
function replied({ name, message }: Error): string | undefined {
  return name === 'ReplyError' ? redisErrorCode(message) : undefined;
}

interface ThirdPartyError extends Error {
  readonly code?: unknown;
  readonly table?: unknown;
  readonly constraint?: unknown;
  readonly column?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

function toStderr(line: string): void {
  process.stderr.write(line);
}
