import { z } from 'zod';
import { PostgresUrl } from './postgres-url.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The environment cannot be used: exit 2. The message names every variable that is wrong, and never shows a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What is wrong with some variables only together. Asked whatever else is wrong, so it is given their texts. */
export type Contradiction = (present: Env) => string | null;

/** Pure: the environment is an argument, so no test has to touch the process. An empty variable counts as absent. */
export function parseEnv<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: Env,
  ...contradictions: readonly Contradiction[]
): z.output<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = z.object(shape).safeParse(present, { error: absent });
  const contradicting = contradictions.flatMap((find) => find(present) ?? []);
  if (parsed.success && contradicting.length === 0) return parsed.data;
  const issues = parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  const problems = [...issues, ...contradicting].map((problem) => `  ${problem}`);
  throw new ConfigError(`the environment cannot be used:\n${problems.join('\n')}`);
}

type Parser = (env: Env) => unknown;

/** Several parts of one process: the problems of all of them at once, each once. */
export function parseTogether<Parsers extends Readonly<Record<string, Parser>>>(env: Env, parsers: Parsers) {
  const problems = new Set<string>();
  const parsed = Object.entries(parsers).map(([name, parse]) => {
    try {
      return [name, parse(env)];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const line of error.message.split('\n')) problems.add(line);
      return [name, undefined];
    }
  });
  if (problems.size > 0) throw new ConfigError([...problems].join('\n'));
  return Object.fromEntries(parsed) as { readonly [Name in keyof Parsers]: ReturnType<Parsers[Name]> }; // one entry per parser
}

function absent(issue: { readonly input?: unknown }): string | undefined {
  return issue.input === undefined ? 'not set' : undefined;
}

/** A whole number in a range, both ends included, with the default that applies when the variable is not set. */
export function whole({ from, to, byDefault }: { from: number; to: number; byDefault: number }) {
  const expected = `expected a whole number from ${from} to ${to}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, expected)
    .transform(Number)
    .pipe(z.number().min(from, expected).max(to, expected))
    .default(byDefault);
}

export const LogLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info');
export type LogLevel = z.infer<typeof LogLevel>;

/** Where the ledger is, and how much is logged; every command that runs needs it. */
export const ledgerEnv = { DATABASE_URL: PostgresUrl, LOG_LEVEL: LogLevel };

export const httpEnv = {
  HOST: z.string().default('127.0.0.1'),
  PORT: whole({ from: 0, to: 65_535, byDefault: 3000 }),
};
