import type { z } from 'zod';
import { didYouMean } from './nearest.ts';

/**
 * Words for zod's issues, none of which quote a value. Schemas with a message of their own keep it; `undefined` leaves
 * the message to zod, whose own quote only what was expected. Unknown keys get a line each.
 */
export function explainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${WORDS[issue.expected] ?? issue.expected}, found ${wordFor(issue.input)}`;
    case 'invalid_value':
      return `expected ${listed(issue.values.map(String))}${didYouMean(issue.input, issue.values.map(String))}`;
    case 'too_small':
      return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf(issue.origin, issue.maximum)}`;
    case 'unrecognized_keys':
      return issue.keys.map((key) => explainUnknownKey(key, keysOf(issue.inst))).join('\n');
    case 'invalid_key':
      return issue.issues[0]?.message;
    default:
      return undefined;
  }
}

/** A key that could be anything, an email for one, is not quoted. */
export function showKey(key: PropertyKey): string {
  const text = String(key);
  return /^[\w$.-]{1,63}$/.test(text) ? text : '…';
}

export function explainUnknownKey(key: string, known: readonly string[]): string {
  const meant = didYouMean(key, known);
  return `unknown key "${showKey(key)}"${meant === '' ? `; expected ${listed(known)}` : meant}`;
}

function keysOf(schema: unknown): string[] {
  const { shape } = (schema as z.ZodObject | undefined) ?? {}; // zod: only objects know which keys they do not
  return Object.keys(shape ?? {});
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

const WORDS: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
};

function wordFor(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'boolean' ? 'true or false' : (WORDS[typeof value] ?? typeof value);
}

function unitOf(origin: string, count: number | bigint): string {
  const unit = origin === 'string' ? ' character' : origin === 'array' ? ' item' : '';
  return unit === '' || count === 1 ? unit : `${unit}s`;
}
