import { chmod, mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from '../../../../src/producer/manifest/read-manifest.ts';
import { ADMIN, HEADER, placedProblemsOf, read, readFolder, tenants, writeFolder } from './manifest-files-on-disk.ts';

const tenant = (id: string, seeds = ADMIN) => tenants(seeds).replace('id: flip', `id: ${id}`);

test('a folder of files is one manifest, in the order of their names', async () => {
  const files = { 'b.yml': tenant('two'), 'c.json': '{}', 'a.yaml': tenant('one'), 'z.yaml': HEADER };
  expect(placedProblemsOf(await readFolder(files))).toMatchObject({
    name: 'flip',
    tenants: [
      { id: 'one', seeds: [{ roles: [{ key: 'admin' }] }] },
      { id: 'two', seeds: { length: 1 } },
    ],
  });
});

test('defaults and gate hold for every file', async () => {
  const files = {
    'a.yaml': tenant('one'),
    'b.yaml': `${HEADER}defaults: { onMissing: skip }\ngate: { onTransient: hold }`,
  };
  expect(placedProblemsOf(await readFolder(files))).toMatchObject({
    gate: { onTransient: 'hold' },
    tenants: [{ seeds: [{ onMissing: 'skip' }] }],
  });
});

test('what holds for all files may be repeated', async () => {
  const swapped = HEADER.replace(/( {2}admin.*\n)( {2}observer.*\n)/, '$2$1');
  const files = { 'a.yaml': HEADER + tenant('one'), 'b.yaml': swapped + tenant('two') };
  expect(placedProblemsOf(await readFolder(files))).toMatchObject({ tenants: { length: 2 } });
});

test('a contradiction names both places', async () => {
  const other = HEADER.replace('flip', 'flop').replace('Observer', 'Watcher');
  const files = {
    'a.yaml': `${HEADER}gate: { onTransient: hold }\n${tenant('one')}`,
    'b.yaml': `${other}gate: {}\n${tenant('two')}`,
  };
  expect(placedProblemsOf(await readFolder(files))).toEqual([
    'b.yaml:2:7 "name" differs from the one at a.yaml:2:7',
    'b.yaml:4:3 "roles" differs from the one at a.yaml:4:3',
    'b.yaml:6:7 "gate" differs from the one at a.yaml:6:7',
  ]);
});

test('a tenant of two files is a problem that names both places', async () => {
  const files = { 'a.yaml': HEADER + tenant('one'), 'b.yaml': tenant('one') };
  expect(placedProblemsOf(await readFolder(files))).toEqual([
    'b.yaml:2:9 this tenant has the same id as the one at a.yaml:7:9',
  ]);
});

test('what no file says is missing from the folder', async () => {
  expect(placedProblemsOf(await readFolder({ 'a.yaml': 'gate: {}', 'b.yaml': 'gate: {}' }))).toEqual([
    '.:1:1 "version" is missing',
    '.:1:1 "name" is missing',
    '.:1:1 "roles" is missing',
    '.:1:1 "tenants" is missing',
  ]);
});

test('the problems of all files are reported together, and a broken file causes no others', async () => {
  const files = {
    'a.yaml': 'name: [',
    'b.yaml': '',
    'c.yaml': tenant('one', '      - { email: nobody, roles: [admin] }\n'),
    'd.yaml': tenant('one').replace('seeds', 'seed'),
  };
  expect(placedProblemsOf(await readFolder(files))).toEqual([
    expect.stringMatching(/^a\.yaml:1:8 not valid YAML/),
    'b.yaml:1:1 the file is empty',
    'c.yaml:5:18 tenants[0].seeds[0].email: expected an email address, like name@example.org',
    'd.yaml:2:5 tenants[0]: "seeds" is missing',
    'd.yaml:2:9 this tenant has the same id as the one at c.yaml:2:9',
    'd.yaml:4:5 tenants[0]: unknown key "seed"; did you mean "seeds"?',
  ]);
});

test('hidden files, other files, JSON Schemas and subfolders are no manifests', async () => {
  const files = {
    'a.yaml': HEADER + tenant('one'),
    '.hidden.yaml': 'not: a manifest',
    'README.md': 'not a manifest',
    'rolecall.schema.json': '{ "type": "object" }',
  };
  await using folder = await writeFolder(files);
  await mkdir(join(folder.path, 'more.yaml'));
  expect((await readManifest(folder.path, {})).kind).toBe('read');
});

test('a mounted ConfigMap, which is a folder of symbolic links, is a manifest', async () => {
  await using folder = await writeFolder({ 'real.yaml': HEADER + tenant('one') });
  await mkdir(join(folder.path, '..2026'));
  await rename(join(folder.path, 'real.yaml'), join(folder.path, '..2026', 'flip.yaml'));
  await symlink('..2026', join(folder.path, '..data'));
  await symlink(join('..data', 'flip.yaml'), join(folder.path, 'flip.yaml'));
  expect((await readManifest(folder.path, {})).kind).toBe('read');
});

test('a link that leads nowhere is a problem, not a tenant less', async () => {
  await using folder = await writeFolder({ 'a.yaml': HEADER + tenant('one') });
  await symlink('gone.yaml', join(folder.path, 'b.yaml'));
  expect(await readManifest(folder.path, {})).toEqual({
    kind: 'refused',
    problems: [{ file: join(folder.path, 'b.yaml'), line: 1, column: 1, message: 'no such file or folder' }],
  });
});

test('a path where nothing is, an empty folder and another kind of file are problems', async () => {
  await using folder = await writeFolder({ 'notes.txt': '' });
  const messageOf = async (name: string) => {
    const result = await readManifest(join(folder.path, name), {});
    return result.kind === 'refused' ? result.problems.map(({ message }) => message) : result;
  };
  expect(await messageOf('gone.yaml')).toEqual(['no such file or folder']);
  expect(await messageOf('.')).toEqual(['the folder has no file ending in .yaml, .yml or .json']);
  expect(await messageOf('notes.txt')).toEqual(['expected a file ending in .yaml, .yml or .json']);
});

test.skipIf(process.getuid?.() === 0)('a file that may not be read is a problem', async () => {
  await using folder = await writeFolder({ 'a.yaml': HEADER });
  await chmod(join(folder.path, 'a.yaml'), 0);
  expect(await readManifest(folder.path, {})).toMatchObject({
    problems: [{ message: 'cannot be read: permission denied' }],
  });
});

test('a file that is not UTF-8 is a problem: its emails would become others', async () => {
  await using folder = await writeFolder({ 'a.yaml': Buffer.from(HEADER.replace('Admin', 'Admín'), 'latin1') });
  expect(await readManifest(folder.path, {})).toMatchObject({ problems: [{ message: 'the file is not UTF-8' }] });
});

test('a role that stands in another file than the seed is known', async () => {
  const seeds = '      - { email: a@example.org, roles: [amdin] }\n';
  expect(placedProblemsOf(await readFolder({ 'a.yaml': tenant('one', seeds), 'b.yaml': HEADER }))).toEqual([
    'a.yaml:5:41 no role has this key; did you mean "admin"?',
  ]);
});

test('in a folder of hundreds of files, each problem stands where it is', async () => {
  const files = large(750, {
    12: flawed('one', '      - { email: ADMIN@example.org, roles: [observer] }\n'),
    731: flawed('two', '      - { email: a@example.org, roles: [admin, obsever] }\n'),
    732: flawed('three', '      - { email: a@example.org, roles: [{ role: admin, scope: x }] }\n'),
    749: flawed('four', '      - { email: nobody, roles: [admin, observr] }\n'),
  });
  const other = 'this email has other roles, another onMissing or another mode at';
  expect(placedProblemsOf(await readFolder(files))).toEqual([
    `0012.yaml:6:18 ${other} 0012.yaml:5:18`,
    '0731.yaml:6:48 no role has this key; did you mean "observer"?',
    '0732.yaml:6:63 the grants of this tenant have no scope: name its column by grants.table.columns',
    '0749.yaml:6:18 tenants[0].seeds[1].email: expected an email address, like name@example.org',
    '0749.yaml:6:41 no role has this key; did you mean "observer"?',
  ]);
});

test('a folder of a hundred files has the digest of one file that says the same', async () => {
  const folder = await readFolder(large(100));
  const together = Object.values(large(100)).map((text) => text.replace(HEADER, '').replace('tenants:\n', ''));
  const file = await read(`${HEADER}tenants:\n${together.join('')}`);
  expect(folder).toMatchObject({ kind: 'read', manifest: { tenants: { length: 100 } } });
  expect(folder.kind === 'read' && folder.digest).toBe(file.kind === 'read' && file.digest);
});

const flawed = (id: string, seed: string) => tenant(id, ADMIN + seed);

/** A tenant in each file, the header in the last one; some of the files say something else. */
function large(count: number, others: Readonly<Record<number, string>> = {}): Record<string, string> {
  const texts = Array.from({ length: count }, (_, n) => others[n] ?? tenant(`tenant-${n}`));
  const header = (n: number) => (n === count - 1 ? HEADER : '');
  return Object.fromEntries(texts.map((text, n) => [`${String(n).padStart(4, '0')}.yaml`, text + header(n)]));
}

test('the digest does not depend on how the manifest is split into files', async () => {
  const both = tenant('one') + tenant('two').replace('tenants:\n', '');
  const digests = await Promise.all([
    read(HEADER + both),
    readFolder({ 'a.yaml': HEADER + tenant('one'), 'b.yaml': tenant('two') }),
    readFolder({ 'a.yaml': tenant('two'), 'b.yaml': HEADER + tenant('one') }),
  ]);
  expect(new Set(digests.map((result) => result.kind === 'read' && result.digest)).size).toBe(1);
});
