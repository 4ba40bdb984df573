import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { ManifestProblem } from './manifest-problem.ts';

export type ManifestFiles =
  | { readonly kind: 'file'; readonly files: readonly [string] }
  | { readonly kind: 'folder'; readonly files: readonly string[] }
  | { readonly kind: 'refused'; readonly problem: ManifestProblem };

const EXTENSIONS = ['.yaml', '.yml', '.json'];

/**
 * The files of a manifest: the file itself, or those of a folder, sorted by name. Symbolic links are followed, since a
 * mounted ConfigMap consists of them; its hidden folders, other subfolders and `*.schema.json` are not manifests.
 */
export async function listManifestFiles(path: string): Promise<ManifestFiles> {
  try {
    if (!(await stat(path)).isDirectory()) {
      return isManifest(path) ? { kind: 'file', files: [path] } : refused(path, `expected a file ending in ${ENDINGS}`);
    }
    const files = await manifestsIn(path);
    return files.length > 0 ? { kind: 'folder', files } : refused(path, `the folder has no file ending in ${ENDINGS}`);
  } catch (error) {
    return refused(path, describeReadError(error));
  }
}

/** What went wrong with the file system, in words where they are known. */
export function describeReadError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return READ_ERRORS.get(code) ?? `cannot be read (${code})`;
}

const READ_ERRORS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'no such file or folder'],
  ['EACCES', 'cannot be read: permission denied'],
]);

const ENDINGS = `${EXTENSIONS.slice(0, -1).join(', ')} or ${EXTENSIONS.at(-1)}`;

function isManifest(name: string): boolean {
  return EXTENSIONS.includes(extname(name).toLowerCase()) && !name.toLowerCase().endsWith('.schema.json');
}

async function manifestsIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && isManifest(name)).toSorted();
  const files = names.map((name) => join(folder, name));
  const isFolder = await Promise.all(
    files.map(async (file) => {
      // A link that leads nowhere stays in the list: reading it reports it, and dropping it would drop its tenants.
      const found = await stat(file).catch(() => null);
      return found?.isDirectory() ?? false;
    }),
  );
  return files.filter((_, index) => !isFolder[index]);
}

function refused(file: string, message: string): ManifestFiles {
  return { kind: 'refused', problem: { file, line: 1, column: 1, message } };
}
