import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest, type ManifestRead } from '../../../../src/producer/manifest/read-manifest.ts';
import type { Env } from '#shared/config/env.ts';

export interface Written {
  readonly path: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A folder with these files; it goes when the test is over. */
export async function writeFolder(files: Readonly<Record<string, string | Uint8Array>>): Promise<Written> {
  const path = await mkdtemp(join(tmpdir(), 'rolecall-manifest-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Reads one file with this text. */
export async function read(text: string, env: Env = {}, name = 'rolecall.yaml'): Promise<ManifestRead> {
  await using folder = await writeFolder({ [name]: text });
  return shorten(await readManifest(join(folder.path, name), env), folder.path);
}

export async function readFolder(files: Readonly<Record<string, string>>, env: Env = {}): Promise<ManifestRead> {
  await using folder = await writeFolder(files);
  return shorten(await readManifest(folder.path, env), folder.path);
}

/** `line:column message`, or what was read when nothing is wrong: so a test that expects problems shows what it got. */
export function problemsOf(result: ManifestRead): unknown {
  if (result.kind === 'read') return result.manifest;
  return result.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** The same with the name of the file. */
export function placedProblemsOf(result: ManifestRead): unknown {
  if (result.kind === 'read') return result.manifest;
  return result.problems.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`);
}

/** File names without the temporary folder, which differs from run to run. */
function shorten(result: ManifestRead, folder: string): ManifestRead {
  if (result.kind === 'read') return result;
  const short = (text: string) => text.replaceAll(`${folder}/`, '').replaceAll(folder, '.');
  const problems = result.problems.map((problem) => ({
    ...problem,
    file: short(problem.file),
    message: short(problem.message),
  }));
  return { kind: 'refused', problems };
}

export const HEADER = `version: 1
name: flip
roles:
  admin: { id: 64d3145b-034c-4328-b637-8eb54313b7c5, name: Admin }
  observer: { id: cdee79c9-a5e1-4b9e-a315-1ec2f3d29efe, name: Observer }
`;

/** Begins at line 6 of a file that begins with the header. */
export function tenants(seeds: string, settings = ''): string {
  return `tenants:
  - id: flip
    userPool: { id: eu-west-2_AbCdEfGhI, region: eu-west-2 }
${settings}    seeds:
${seeds}`;
}

export const ADMIN = '      - { email: admin@example.org, roles: [admin] }\n';
