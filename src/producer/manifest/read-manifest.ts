import { readFile } from 'node:fs/promises';
import { assembleManifest } from './assemble-manifest.ts';
import { checkSource } from './checked-source.ts';
import { draftFile, type FileDraft } from './draft-file.ts';
import { describeReadError, listManifestFiles } from './manifest-files.ts';
import { digestManifest } from './manifest-digest.ts';
import type { Manifest } from './manifest.ts';
import type { ManifestProblem } from './manifest-problem.ts';
import { parseSource } from './parse-source.ts';
import type { Env } from './substitute.ts';

export type { ManifestProblem } from './manifest-problem.ts';

export type ManifestRead =
  | { readonly kind: 'read'; readonly manifest: Manifest; readonly digest: string }
  | { readonly kind: 'refused'; readonly problems: readonly ManifestProblem[] };

/**
 * Reads a file, or a folder of files, in which `version`, `name`, `roles`, `defaults` and `gate` hold for all files and
 * stand in one of them (others may repeat them). All problems of all files are found at once.
 */
export async function readManifest(path: string, env: Env): Promise<ManifestRead> {
  const listed = await listManifestFiles(path);
  if (listed.kind === 'refused') return { kind: 'refused', problems: [listed.problem] };

  const problems: ManifestProblem[] = [];
  const report = (problem: ManifestProblem) => problems.push(problem);
  const drafts: FileDraft[] = [];
  // One file after the other: a parsed file takes a hundred times the memory of its draft, so only one is alive.
  for (const file of listed.files) {
    const text = await readText(file);
    if (text.kind === 'refused') {
      report({ file, line: 1, column: 1, message: text.message });
      continue;
    }
    const parsed = parseSource(file, text.text, env);
    if (parsed.kind === 'broken') {
      problems.push(...parsed.problems);
      continue;
    }
    problems.push(...parsed.source.problems);
    drafts.push(draftFile(checkSource(parsed.source, report)));
  }

  const complete = drafts.length === listed.files.length;
  const root = (listed.kind === 'file' && drafts[0]?.root) || { file: path, line: 1, column: 1 };
  const manifest = assembleManifest({ drafts, root, complete, report });
  if (manifest === null || problems.length > 0) return { kind: 'refused', problems: inOrder(problems, listed.files) };
  return { kind: 'read', manifest, digest: digestManifest(manifest) };
}

type Text = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'refused'; readonly message: string };

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
