import { readFile } from 'node:fs/promises';
import type { Env } from '#shared/config/env.ts';
import { assembleManifest } from './assemble-manifest.ts';
import { checkSource } from './checked-source.ts';
import { draftFile, type FileDraft } from './draft-file.ts';
import { describeReadError, listManifestFiles } from './manifest-files.ts';
import { digestManifest } from './manifest-digest.ts';
import type { Manifest } from './manifest.ts';
import type { Locate, ManifestProblem, Report } from './manifest-problem.ts';
import { parseSource, type ParsedSource } from './parse-source.ts';
import { withoutPretenuring } from './without-pretenuring.ts';

export type { ManifestProblem } from './manifest-problem.ts';

export type ManifestRead =
  | { readonly kind: 'read'; readonly manifest: Manifest; readonly digest: string }
  | { readonly kind: 'refused'; readonly problems: readonly ManifestProblem[] };

/**
 * Reads a file, or a folder of files, in which `version`, `name`, `roles`, `defaults` and `gate` hold for all files and
 * stand in one of them (others may repeat them). All problems of all files are found at once.
 */
export function readManifest(path: string, env: Env): Promise<ManifestRead> {
  return withoutPretenuring(() => readListed(path, env));
}

async function readListed(path: string, env: Env): Promise<ManifestRead> {
  const listed = await listManifestFiles(path);
  if (listed.kind === 'refused') return { kind: 'refused', problems: [listed.problem] };

  const problems: ManifestProblem[] = [];
  const report = (problem: ManifestProblem) => problems.push(problem);
  const locatorOf = createLocator(env);
  const drafts: FileDraft[] = [];
  for await (const { file, text } of readTexts(listed.files)) {
    // One parsed file is alive at a time: it takes many times the memory of the draft that is made of it.
    const draft = text.kind === 'text' ? draftText(file, text.text, env, locatorOf(file, text.text), report) : null;
    if (draft !== null) drafts.push(draft);
    if (text.kind === 'refused') report({ file, line: 1, column: 1, message: text.message });
  }

  const complete = drafts.length === listed.files.length;
  const root = (listed.kind === 'file' && drafts[0]?.root) || { file: path, line: 1, column: 1 };
  const manifest = assembleManifest({ drafts, root, complete, report });
  if (manifest === null || problems.length > 0) return { kind: 'refused', problems: inOrder(problems, listed.files) };
  return { kind: 'read', manifest, digest: digestManifest(manifest) };
}

function draftText(file: string, text: string, env: Env, locate: Locate, report: Report): FileDraft | null {
  const parsed = parseSource(file, text, env);
  const problems = parsed.kind === 'broken' ? parsed.problems : parsed.source.problems;
  for (const problem of problems) report(problem);
  return parsed.kind === 'broken' ? null : draftFile(checkSource(parsed.source, locate, report));
}

/** Places in files that were let go. A file is parsed again when there is something to say about it, one at a time. */
function createLocator(env: Env): (file: string, text: string) => Locate {
  let last: { readonly file: string; readonly parsed: ParsedSource } | undefined;
  return (file, text) => (path) => {
    if (last?.file !== file) last = { file, parsed: parseSource(file, text, env) };
    return last.parsed.kind === 'parsed' ? last.parsed.source.placeOf(path) : { file, line: 1, column: 1 };
  };
}

type Text = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'refused'; readonly message: string };

/** Texts are small beside what is parsed from them, and reading them one by one would be waiting for the most part. */
const READ_AT_ONCE = 32;

async function* readTexts(files: readonly string[]): AsyncGenerator<{ readonly file: string; readonly text: Text }> {
  for (let index = 0; index < files.length; index += READ_AT_ONCE) {
    const chunk = files.slice(index, index + READ_AT_ONCE);
    yield* await Promise.all(chunk.map(async (file) => ({ file, text: await readText(file) })));
  }
}

async function readText(file: string): Promise<Text> {
  try {
    return { kind: 'text', text: UTF_8.decode(await readFile(file)) };
  } catch (error) {
    const notUtf8 = error instanceof TypeError; // WHATWG: what a fatal decoder throws
    return { kind: 'refused', message: notUtf8 ? 'the file is not UTF-8' : describeReadError(error) };
  }
}

/** Fatal: a character that was replaced silently would make another email of it. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** As the files are read: by file, then by line. What concerns the folder comes first. */
function inOrder(problems: readonly ManifestProblem[], files: readonly string[]): ManifestProblem[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  const rankOf = ({ file }: ManifestProblem) => rank.get(file) ?? -1;
  return problems.toSorted((a, b) => rankOf(a) - rankOf(b) || a.line - b.line || a.column - b.column);
}
