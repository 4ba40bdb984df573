import { z } from 'zod';
import { ManifestFile } from './manifest-schema.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** The schema of a manifest file for editors: as strict as the reader, except that `${VAR}` fits wherever a text does. */
export function manifestJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(ManifestFile, { io: 'input', target: 'draft-2020-12' });
  return { title: 'rolecall manifest', ...(forEditors(schema, null) as JsonSchema) }; // an object stays an object
}

/** Nothing is substituted in keys, in names of environment variables, and in what is for editors only. */
const LITERAL: ReadonlySet<string> = new Set(['propertyNames', 'databaseUrlEnv', '$schema']);

function forEditors(value: unknown, key: string | null): unknown {
  if (Array.isArray(value)) return value.map((item) => forEditors(item, null));
  if (typeof value === 'string') return key === 'pattern' ? withoutUnicodeClasses(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, forEditors(part, name)]));
  return key !== null && LITERAL.has(key) ? inner : permitVariable(inner);
}

/** The limits of a text become one of two alternatives; its description and default stay where editors look for them. */
function permitVariable(schema: JsonSchema): JsonSchema {
  const { description, default: preset, type, ...limits } = schema;
  if (type !== 'string' || Object.keys(limits).length === 0) return schema;
  const annotations = Object.entries({ description, default: preset }).filter(([, text]) => text !== undefined);
  return {
    ...Object.fromEntries(annotations),
    anyOf: [
      { type, ...limits },
      { type, pattern: String.raw`\$\{` },
    ],
  };
}

/** Not every editor compiles patterns with the flag `u`, and without it `\p{Cc}` would mean the letters p, C and c. */
function withoutUnicodeClasses(pattern: string): string {
  return pattern.replaceAll(String.raw`\p{Cc}`, String.raw`\u0000-\u001f\u007f-\u009f`);
}
