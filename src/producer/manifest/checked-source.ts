import type { z } from 'zod';
import { explainIssue, showKey } from './explain-issue.ts';
import type { Locate, ManifestProblem, Path, Place, Report } from './manifest-problem.ts';
import type { ManifestSource } from './parse-source.ts';

/** A file that is read against the schema in parts, so that a mistake in one part does not hide those in others. */
export interface CheckedSource {
  readonly value: unknown;
  /** The value as the schema reads it; when it does not fit, `undefined`, and every issue is reported in its place. */
  check<Schema extends z.ZodType>(schema: Schema, path: Path, value: unknown): z.output<Schema> | undefined;
  placeOf(path: Path): Place;
  placeOfKey(path: Path): Place;
  /** The same as `placeOf`, for drafts to keep: it does not keep the parsed file alive. */
  readonly locate: Locate;
  readonly report: Report;
}

export function checkSource(source: ManifestSource, locate: Locate, report: Report): CheckedSource {
  return {
    value: source.value,
    check(schema, path, value) {
      const { data, error } = schema.safeParse(value, { error: explainIssue });
      for (const issue of error?.issues ?? []) {
        for (const problem of describeIssue(source, [...path, ...issue.path], issue)) report(problem);
      }
      return data;
    },
    placeOf: (path) => source.placeOf(path),
    placeOfKey: (path) => source.placeOfKey(path),
    locate,
    report,
  };
}

function describeIssue(source: ManifestSource, path: Path, issue: z.core.$ZodIssue): ManifestProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n'); // a line for each key: see explainIssue
    return issue.keys.map((key, index) => {
      return { ...source.placeOfKey([...path, key]), message: `${inside(path)}${messages[index]}` };
    });
  }
  const place = source.placeOf(path);
  const { missing, unresolved, variables } = source.originOf(path);
  if (unresolved) return [];
  if (missing) {
    const parent = inside(path.slice(0, -1));
    return [{ ...place, message: `${parent}"${showKey(path.at(-1) ?? '')}" is missing` }];
  }
  const origin = variables.length > 0 ? ` (the value comes from ${variables.join(', ')})` : '';
  return [{ ...place, message: `${inside(path)}${issue.message}${origin}` }];
}

/** `tenants[0].userPool: `, or nothing at the top. */
function inside(path: Path): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${showKey(step)}`));
  return path.length === 0 ? '' : `${steps.join('').replace(/^\./, '')}: `;
}

/** The keys and values of a mapping; `undefined` when it is something else. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>) // a plain object: it comes from the parser
    : undefined;
}
