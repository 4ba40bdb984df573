import { globSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { REASONS } from '#shared/contract/reasons.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { COMMANDS } from '../../src/commands.ts';
import { BOARD_PATH } from '../../src/ops/board/board.ts';
import { addOpsMetrics } from '../../src/ops/ops-metrics.ts';
import { readManifest } from '../../src/producer/manifest/read-manifest.ts';
import { workerEnv } from '../../src/worker/worker-config.ts';
import { createWorkerMetrics } from '../../src/worker/worker-metrics.ts';
import { environmentNames, sourceFiles } from '../support/source-facts.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCS = globSync('{README,AGENTS,docs/**/*}.md', { cwd: ROOT });
const readme = read('README.md');

test('every command of the command line stands in README with all of its options', () => {
  const documented = table('Commands and exit codes').map(([command, , options]) => [command, words(options)]);
  const real = [...COMMANDS].map(([name, { options }]) => [name, options.map(({ flags }) => flags.split(' ')[0])]);
  expect(documented).toEqual(real);
});

test('exit codes', () => {
  const documented = table('Commands and exit codes', 1).map(([code, name]) => [name, Number(code)]);
  expect(Object.fromEntries(documented)).toEqual(EXIT);
});

test('every environment variable that the code reads stands in README and in .env.example, and no other', () => {
  const documented = table('Environment').map(([name]) => name);
  const example = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name = '']) => name);
  expect(documented.toSorted()).toEqual(environmentNames());
  expect(example.filter((name) => !name.startsWith('AWS_')).toSorted()).toEqual(environmentNames());
});

test('defaults of the environment', () => {
  const example = Object.fromEntries(
    [...read('.env.example').matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const documented = Object.fromEntries(table('Environment'));
  for (const [name, schema] of Object.entries(workerEnv)) {
    const { data } = schema.safeParse(undefined);
    if (data === undefined) continue; // without a default
    expect([name, documented[name], example[name]]).toEqual([name, `${String(data)}`, `${String(data)}`]);
  }
});

test('every endpoint', () => {
  const documented = table('Endpoints and metrics').map(([path]) => path);
  const served = sourceFiles().flatMap((file) =>
    [...read(file).matchAll(/server\.get\('([^']+)'/g)].map(([, path]) => path),
  );
  expect(documented.toSorted()).toEqual([...served, BOARD_PATH].toSorted());
});

test('every metric, with its type, labels and help', async () => {
  const registry = new Registry();
  addOpsMetrics(registry, neverAsked);
  createWorkerMetrics(registry);
  const documented = table('Endpoints and metrics', 1).map(([name, type, labels, , help]) => ({
    name,
    type,
    labels: words(labels),
    help,
  }));
  const real = registry.getMetricsAsArray().map((metric) => {
    const { name, help, labelNames } = metric as unknown as { name: string; help: string; labelNames: string[] };
    return { name, type: metric.constructor.name.toLowerCase(), labels: labelNames, help };
  });
  expect(documented.toSorted(byName)).toEqual(real.toSorted(byName));
});

test('every reason, in the words of the code', () => {
  const documented = table('Reasons').map(([code = '', ...rest]) => [code, ...rest]);
  const real = Object.entries(REASONS).map(([code, reason]) => [code, reason.class, reason.meaning, reason.todo]);
  expect(documented).toEqual(real);
});

test('the manifest in README is one', async () => {
  const [text = ''] = blocks(readme, 'yaml');
  const folder = mkdtempSync(join(tmpdir(), 'rolecall-docs-'));
  const file = join(folder, 'rolecall.yaml');
  writeFileSync(file, text);
  const env = { ADMIN_EMAIL: 'admin@example.org', FLIP_EXTERNAL_ID: 'an-external-id' };
  try {
    expect(await readManifest(file, env)).toMatchObject({ kind: 'read' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.for(DOCS)('%s: its YAML and JSON can be parsed', (doc) => {
  for (const block of blocks(read(doc), 'json')) expect(() => JSON.parse(block) as unknown).not.toThrow();
  for (const block of blocks(read(doc), 'yaml')) {
    expect(parseAllDocuments(block).flatMap(({ errors }) => errors)).toEqual([]);
  }
});

test.for(DOCS)('%s: its links lead somewhere', (doc) => {
  const text = read(doc).replaceAll(/^```[\s\S]*?^```/gm, '');
  const dead = [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^https?:/.test(link)) return [];
    const [path = '', fragment] = link.split('#');
    const target = path === '' ? doc : join(dirname(doc), path);
    if (!existsSync(join(ROOT, target))) return [link];
    return fragment === undefined || anchors(read(target)).includes(fragment) ? [] : [link];
  });
  expect(dead).toEqual([]);
});

test('a file that the documents name in code quotes exists', () => {
  const named = DOCS.flatMap((doc) =>
    [...read(doc).matchAll(/`((?:src|test|demo|bench|docs|deploy)\/[\w./-]+)`/g)].map(([, path = '']) => path),
  );
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('AGENTS.md stays short', () => {
  expect(read('AGENTS.md').trimEnd().split('\n').length).toBeLessThanOrEqual(80);
});

test('the decisions are numbered without a gap', () => {
  const numbers = globSync('docs/decisions/*.md', { cwd: ROOT }).map((file) => Number(file.match(/(\d{4})-/)?.[1]));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
});

/** Metrics are registered without asking the ledger; a scrape would. */
function neverAsked(): EntityManager {
  throw new Error('the ledger was asked');
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The rows of a table below a heading of README, without code quotes; `nth` counts the tables of that section. */
function table(heading: string, nth = 0): string[][] {
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const tables = [...section.matchAll(/^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)/gm)];
  const rows = tables[nth]?.[1]?.trimEnd().split('\n') ?? [];
  return rows.map((row) => row.slice(1, -1).split('|').map(unquote));
}

/** A cell that is one code quote loses it; quotes within a sentence stay. */
function unquote(cell: string): string {
  return cell.trim().replace(/^`([^`]*)`$/, '$1');
}

function words(cell = ''): string[] {
  return cell.replaceAll('`', '').split(' ').filter(Boolean);
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, block = '']) => block,
  );
}

/** As GitHub makes them of headings. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function byName(a: { readonly name?: string | undefined }, b: { readonly name?: string | undefined }): number {
  return (a.name ?? '').localeCompare(b.name ?? '');
}
