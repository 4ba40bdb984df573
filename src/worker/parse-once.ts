import type { z } from 'zod';

/** An entry takes about 1 kB. */
const MAX_KEPT = 5_000;

/** Parses JSON by a schema. The same text gives the same value again, which is shared: nobody may change it. */
export function parseOnce<Schema extends z.ZodType>(schema: Schema): (json: string) => z.output<Schema> {
  const kept = new Map<string, z.output<Schema>>();
  return (json) => {
    const known = kept.get(json);
    if (known !== undefined) return known;
    const parsed = schema.parse(JSON.parse(json));
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value ?? ''); // the one parsed first
    kept.set(json, parsed);
    return parsed;
  };
}
