import { z } from 'zod';
import { ManifestFile } from './manifest-schema.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const VARIABLE = { type: 'string', pattern: String.raw`\$\{` };

/** The schema of a manifest file for editors: as strict as the reader, except that `${VAR}` fits wherever a text does. */
export function manifestJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(ManifestFile, { io: 'input', target: 'draft-2020-12' });
  return { title: 'rolecall manifest', ...(permitVariables(schema, null) as JsonSchema) }; // an object stays an object
}

/** Nothing is substituted in keys, in names of environment variables, and in `$schema`. */
const LITERAL: ReadonlySet<string> = new Set(['propertyNames', 'databaseUrlEnv', '$schema']);

function permitVariables(value: unknown, key: string | null): unknown {
  if (key !== null && LITERAL.has(key)) return value;
  if (Array.isArray(value)) return value.map((item) => permitVariables(item, null));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, permitVariables(inner, name)]);
  return alternated(Object.fromEntries(entries));
}

/** What is said about the text moves into one of two alternatives; its description and default stay where editors look. */
function alternated({ description, default: preset, type, ...limits }: JsonSchema): JsonSchema {
  const annotations = {
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
  };
  if (type !== 'string' || Object.keys(limits).length === 0)
    return { ...annotations, ...(type !== undefined && { type }), ...limits };
  return { ...annotations, anyOf: [{ type, ...limits }, VARIABLE] };
}
