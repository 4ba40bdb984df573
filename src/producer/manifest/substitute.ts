import type { Env } from '#shared/config/env.ts';

export type Substitution =
  | { readonly kind: 'substituted'; readonly value: string }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** `$${` first, so that it is never taken for a variable after a dollar sign; the last one catches what is malformed. */
const MARKS = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{/g;

/**
 * Pure and total: every `${VAR}` becomes its value, `$${` a literal `${`. Values are not looked at again, and never
 * quoted in a problem. An empty variable counts as undefined: it is how a missing secret looks in most CI systems.
 */
export function substitute(text: string, env: Env): Substitution {
  const problems: string[] = [];
  const value = text.replace(MARKS, (mark, name?: string) => {
    if (mark === '$${') return '${';
    if (name === undefined) {
      problems.push('"${" must be followed by the name of a variable and "}"; for a literal "${" write "$${"');
      return '';
    }
    const found = Object.hasOwn(env, name) ? env[name] : undefined;
    if (!found) problems.push(`the environment variable ${name} is ${found === '' ? 'empty' : 'not set'}`);
    return found ?? '';
  });
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'substituted', value };
}

/** The names of the variables in a text, each once: an error says where a value came from instead of quoting it. */
export function variablesOf(text: string): string[] {
  return [...new Set([...text.matchAll(MARKS)].flatMap(([, name]) => name ?? []))];
}
