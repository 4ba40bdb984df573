import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

/** Area → what it may import besides itself. A file belongs to the longest area that begins its path. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'cli.ts': ['commands.ts', 'shared/runtime'],
  'commands.ts': ['up.command.ts', 'producer', 'worker', 'ops', 'shared/runtime'],
  'up.command.ts': ['up.ts', 'producer', 'shared'],
  'up.ts': ['producer', 'worker', 'ops', 'shared'],
  producer: ['producer', 'shared'],
  'producer/manifest': ['shared/contract', 'shared/config'],
  worker: ['worker', 'shared'],
  'worker/batching': [],
  'worker/cognito': ['shared/contract', 'shared/errors'],
  'worker/pacing': [
    'worker/batching',
    'worker/cognito',
    'worker/grants',
    'shared/contract',
    'shared/errors',
    'shared/ledger',
    'shared/queue',
  ],
  'worker/walks': ['worker/batching', 'worker/cognito', 'worker/grants', 'shared/contract', 'shared/ledger'],
  'worker/upkeep': ['shared/contract', 'shared/ledger', 'shared/queue'],
  'worker/grants': ['shared/config', 'shared/contract', 'shared/errors', 'shared/ledger'],
  ops: ['ops', 'shared'],
  'ops/gate': ['shared/contract', 'shared/errors', 'shared/ledger', 'shared/runtime'],
  'ops/board': ['ops/gate', 'shared/contract', 'shared/errors', 'shared/queue', 'shared/runtime'],
  'ops/page': ['ops/gate', 'ops/board', 'shared/contract', 'shared/errors', 'shared/ledger', 'shared/runtime'],
  'shared/contract': [],
  'shared/config': [],
  'shared/errors': [],
  'shared/ledger': ['shared/contract', 'shared/errors', 'shared/postgres', 'shared/runtime'],
  'shared/managed-tables': ['shared/contract', 'shared/ledger'],
  'shared/postgres': [],
  'shared/queue': ['shared/contract', 'shared/errors', 'shared/postgres'],
  'shared/runtime': ['shared/config', 'shared/errors'],
};

/** Package → where it may be imported: its adapters. A name that ends in `/` stands for all packages of that scope. */
const MAY_BE_IMPORTED_IN: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/': ['worker/cognito'],
  '@smithy/': ['worker/cognito'],
  '@bull-board/': ['ops/board'],
  '@mikro-orm/': ['producer', 'worker', 'ops', 'shared/ledger', 'shared/managed-tables'],
  bullmq: ['shared/queue', 'worker/consume.ts'],
  commander: ['shared/runtime'],
  fastify: ['shared/runtime', 'ops'],
  ioredis: ['shared/queue', 'worker/pacing'],
  'p-retry': ['shared/runtime', 'shared/ledger', 'worker/cognito', 'producer/record-run.ts'],
  pg: [
    'producer/migrate.ts',
    'shared/ledger/release-lost-clients.ts',
    'shared/ledger/run-statement.ts',
    'shared/postgres',
    'shared/queue',
  ],
  pino: ['shared/runtime/logger.ts'],
  'prom-client': ['shared/runtime', 'worker', 'ops', 'up.ts'],
  yaml: ['producer/manifest'],
  zod: [''], // everywhere: what comes from outside is parsed where it comes in
};

/** Inside these, the rule above is narrowed: they are pure, or know nothing of databases. */
const NO_SQL_IN = ['producer/manifest', 'worker/cognito', 'ops/board'];

const files = globSync('**/*.ts', { cwd: SRC }).map((file) => file.replaceAll('\\', '/'));
const texts = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));
const imports = files.flatMap((file) =>
  [...(texts.get(file) ?? '').matchAll(/(?:\bfrom|\bimport\(|^import) *'([^']+)'/gm)].map(([, target = '']) => ({
    file,
    target,
  })),
);

test('imports follow the table', () => {
  const broken = imports.filter(({ file, target }) => {
    if (!isOurs(target)) return false;
    const to = target.startsWith('#') ? target.slice(1) : join(file, '..', target);
    const [from, area] = [areaOf(file), areaOf(to)];
    return area === undefined || (from !== area && !MAY_IMPORT[from ?? '']?.some((allowed) => within(to, allowed)));
  });
  expect(broken).toEqual([]);
});

test('every file has an area, and every area is meant', () => {
  expect(files.filter((file) => areaOf(file) === undefined)).toEqual([]);
  const strangers = Object.values(MAY_IMPORT)
    .flat()
    .filter((allowed) => !Object.keys(MAY_IMPORT).some((area) => within(area, allowed)));
  expect(strangers).toEqual([]);
});

test('producer, worker and ops never import each other, and shared imports none of them', () => {
  const parts = ['producer', 'worker', 'ops'];
  const crossing = Object.entries(MAY_IMPORT)
    .filter(([area]) => !area.endsWith('.ts')) // what composes the parts knows them all
    .flatMap(([area, allowed]) => {
      const others = parts.filter((part) => !within(area, part));
      return allowed.filter((to) => others.some((part) => within(to, part))).map((to) => `${area} → ${to}`);
    });
  expect(crossing).toEqual([]);
});

test('packages stay behind their adapters', () => {
  const broken = imports.filter(({ file, target }) => {
    if (isOurs(target) || target.startsWith('node:')) return false;
    const places = MAY_BE_IMPORTED_IN[packageKey(target) ?? ''] ?? [];
    const sql = target.startsWith('@mikro-orm/') && NO_SQL_IN.some((area) => within(file, area));
    return sql || !places.some((place) => within(file, place));
  });
  expect(broken).toEqual([]);
});

test('every production dependency has its place', () => {
  const { dependencies } = JSON.parse(readFileSync(join(SRC, '../package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(dependencies).filter((name) => packageKey(name) === undefined)).toEqual([]);
});

test('only cli.ts touches the environment, the exit code and the signals of the process', () => {
  const touching = /\bprocess\s*\.\s*(?:env|argv|exit|exitCode|on|once|kill)\b|\}\s*=\s*process\b|'node:process'/;
  expect(files.filter((file) => touching.test(texts.get(file) ?? ''))).toEqual(['cli.ts']);
});

test('what is shared is imported as #shared, and always with its extension', () => {
  const detours = imports.filter(({ file, target }) => {
    if (!target.startsWith('.')) return false;
    const to = join(file, '..', target);
    return areaOf(to) !== areaOf(file) && within(to, 'shared');
  });
  expect(detours).toEqual([]);
  expect(imports.filter(({ target }) => isOurs(target) && !target.endsWith('.ts'))).toEqual([]);
});

test('a file is named after what it does', () => {
  const vague = /^(?:index|utils?|helpers?|common|types|constants|misc)(?:\.|$)/;
  const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.command|\.entity)?\.ts$/;
  const names = files.filter((file) => file.split('/').some((name) => vague.test(name)) || !kebab.test(basename(file)));
  expect(names).toEqual([]);
});

function areaOf(path: string): string | undefined {
  const areas = Object.keys(MAY_IMPORT).filter((area) => within(path, area));
  return areas.toSorted((a, b) => b.length - a.length)[0];
}

function within(path: string, area: string): boolean {
  return area === '' || path === area || path.startsWith(`${area}/`);
}

function isOurs(target: string): boolean {
  return target.startsWith('#') || target.startsWith('.');
}

function packageKey(target: string): string | undefined {
  return Object.keys(MAY_BE_IMPORTED_IN).find((key) =>
    key.endsWith('/') ? target.startsWith(key) : target === key || target.startsWith(`${key}/`),
  );
}
