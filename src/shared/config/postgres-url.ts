import { accessSync, constants } from 'node:fs';
import { z } from 'zod';

const EXPECTED =
  'expected postgres://user:password@host:port/database, special characters of the password percent-encoded';

/** As libpq has them (PostgreSQL docs: SSL Support), but for `allow`; `no-verify` is the driver's own (pg-connection-string). */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const FILES = ['sslrootcert', 'sslcert', 'sslkey'];

/**
 * Checked as far as it can be without a connection, and all of it at once. The files too: the driver reads them when it connects,
 * and then one that nobody mounted looks like a server that is away.
 */
export const PostgresUrl = z
  .string()
  .superRefine((text, context) => {
    for (const problem of problemsOf(text)) context.addIssue(problem);
  })
  .transform(verifyFully);

function problemsOf(text: string): string[] {
  const { protocol = '', pathname = '', searchParams = new URLSearchParams() } = URL.parse(text) ?? {};
  if (!/^postgres(?:ql)?:$/.test(protocol) || !/^\/./.test(pathname)) return [EXPECTED];
  const mode = searchParams.get('sslmode');
  const unreadable = FILES.filter((name) => searchParams.get(name) && !isReadable(searchParams.get(name) as string));
  return [
    ...(mode === null || SSL_MODES.includes(mode) ? [] : [`its sslmode is none of ${SSL_MODES.join(', ')}`]),
    ...unreadable.map((name) => `the file that its ${name} names cannot be read`),
  ];
}

/**
 * The driver takes these modes for `verify-full`, and warns in ten lines that it will not for ever (pg-connection-string:
 * deprecatedSslModeWarning). Whoever wants libpq's weaker ones says so, by `uselibpqcompat=true`.
 */
function verifyFully(text: string): string {
  if (URL.parse(text)?.searchParams.get('uselibpqcompat') === 'true') return text;
  return text.replace(/(?<=[?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, 'verify-full');
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a variable that the manifest names holds. `problem`: what is wrong with it, without its value. */
export type UrlOfVariable = { readonly url: string } | { readonly problem: string };

export function urlOfVariable(value: string | undefined): UrlOfVariable {
  if (!value) return { problem: 'not set' };
  const { data: url, error } = PostgresUrl.safeParse(value);
  return url === undefined ? { problem: (error?.issues ?? []).map(({ message }) => message).join('; ') } : { url };
}
