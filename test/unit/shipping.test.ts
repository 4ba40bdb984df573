import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readManifest } from '../../src/producer/manifest/read-manifest.ts';
import { COMMANDS } from '../../src/commands.ts';
import { environmentNames, sourceFiles } from '../support/source-facts.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: { readonly replicas: number };
  readonly stop_grace_period?: string;
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);
const service = (name: string): Service => compose.services[name] as Service; // a name that is not there fails its test
const dockerfile = instructions(read('Dockerfile'));

test('the image runs as a user by number, without npm, and is stopped by SIGTERM', () => {
  const final = dockerfile.slice(dockerfile.findLastIndex(({ word }) => word === 'FROM'));
  const valueOf = (word: string) => final.findLast((instruction) => instruction.word === word)?.value;
  expect(valueOf('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  expect(valueOf('STOPSIGNAL')).toBe('SIGTERM');
  expect(JSON.parse(valueOf('ENTRYPOINT') ?? '')).toEqual(['node', 'src/rolecall.js']);
  expect(final.filter(({ word }) => word === 'RUN' || word === 'HEALTHCHECK')).toEqual([]);
});

test('what the image finds compiled was compiled by its user, and is nobody’s to change', () => {
  const last = (word: string) => dockerfile.findLast((instruction) => instruction.word === word)?.value;
  const stage = dockerfile.slice(
    0,
    dockerfile.findLastIndex(({ word }) => word === 'FROM'),
  );
  const compiles = stage.findIndex(({ word, value }) => word === 'RUN' && value.startsWith('NODE_COMPILE_CACHE='));
  expect(stage.slice(0, compiles).findLast(({ word }) => word === 'USER')?.value).toBe(last('USER'));
  const copied = dockerfile.filter(({ word, value }) => word === 'COPY' && value.startsWith('--from=compiled'));
  // No --chown, so it is root's.
  expect(copied.map(({ value }) => value)).toEqual(['--from=compiled /app/node_modules node_modules']);
});

test('the image holds production dependencies and sources, and nothing else gets into its build', () => {
  const installs = dockerfile.filter(({ word, value }) => word === 'RUN' && value.includes('npm'));
  expect(installs.map(({ value }) => value)).toEqual(['npm ci --omit=dev']);
  const copied = dockerfile
    .filter(({ word, value }) => word === 'COPY' && !value.startsWith('--from'))
    .flatMap(({ value }) => value.split(' ').slice(0, -1));
  const [everything, ...allowed] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(everything).toBe('*');
  expect(allowed.map((line) => line.replace('!', '')).toSorted()).toEqual([...new Set(copied)].toSorted());
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('sources import nothing that only developers have', () => {
  const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
  const imported = sourceFiles().flatMap((file) =>
    [...read(file).matchAll(/(?:\bfrom|\bimport\(|^import) *'([^'.#][^']*)'/gm)].map(([, name = '']) => name),
  );
  expect(imported.filter((name) => Object.hasOwn(devDependencies, name))).toEqual([]);
});

test('a signal to npm reaches what runs until it is stopped: a shell in between would pass none on', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const name of ['rolecall', 'demo', 'emulator']) expect(scripts[name]).toMatch(/^exec node /);
});

test('every base image has a tag that is not latest, and Node is the one that package.json names', () => {
  const stages = dockerfile.filter(({ word }) => word === 'FROM').map(({ value }) => value.split(' ')[0] ?? '');
  const images = [...stages, ...services.map(([, { image }]) => image)];
  expect(images.filter((image) => !/^[\w./-]+:(?!latest$)[\w.-]+$/.test(image))).toEqual([]);
  const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };
  const major = devDependencies.node.split('.')[0];
  expect(new Set(images.filter((image) => image.startsWith('node:')))).toEqual(new Set([`node:${major}-slim`]));
});

test('Redis keeps what it was given: AOF, and no eviction', () => {
  const command = (service('redis').command ?? []).join(' ');
  expect(command).toContain('--appendonly yes');
  expect(command).toContain('--maxmemory-policy noeviction');
});

test('data is on volumes, where the images keep it', () => {
  expect(service('redis').volumes).toEqual(['redis:/data']);
  expect(service('postgres').volumes).toEqual(['postgres:/var/lib/postgresql']); // since 18; it was …/data before
  expect(Object.keys(compose.volumes).toSorted()).toEqual(['postgres', 'redis']);
});

test('only ops is published, on this machine alone, and its board needs a login', () => {
  const published = services.filter(([, { ports }]) => ports !== undefined);
  expect(published.map(([name, { ports }]) => [name, ports])).toEqual([['ops', ['127.0.0.1:3000:3000']]]);
  const { HOST, ROLECALL_BOARD_USER, ROLECALL_BOARD_PASSWORD } = service('ops').environment ?? {};
  expect(HOST).toBe('0.0.0.0');
  expect(ROLECALL_BOARD_USER).toMatch(/^\$\{ROLECALL_BOARD_USER:\?.+\}$/); // compose refuses to start without
  expect(ROLECALL_BOARD_PASSWORD).toMatch(/^\$\{ROLECALL_BOARD_PASSWORD:\?.+\}$/);
});

test('every service runs without root, capabilities and a writable image', () => {
  for (const [name, { read_only, cap_drop, security_opt, user, build }] of services) {
    expect([name, read_only, cap_drop, security_opt]).toEqual([name, true, ['ALL'], ['no-new-privileges:true']]);
    expect(build ?? user).toMatch(/^(?:\.|node|postgres|redis)$/); // `.`: the Dockerfile says who
  }
});

test('every command of compose exists, and every variable that it sets is read', () => {
  const known = new Set(environmentNames());
  for (const [name, { command = [], environment = {} }] of ours) {
    expect([name, COMMANDS.has(command[0] ?? '')]).toEqual([name, true]);
    const strangers = Object.keys(environment).filter(
      (variable) => !known.has(variable) && !variable.startsWith('AWS_'),
    );
    expect([name, strangers]).toEqual([name, []]);
  }
});

test('what compose takes from .env stands in .env.example', () => {
  const taken = [...read('docker-compose.yml').matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name);
  const example = read('.env.example');
  expect(taken.filter((name) => !new RegExp(`^#?${name}=`, 'm').test(example))).toEqual([]);
  const [, told = ''] = /passes on only ([^:]+):/.exec(example) ?? [];
  expect(new Set(told.match(/[A-Z_]{2,}/g))).toEqual(new Set(taken));
});

test('things start in order: databases, producer, then workers, ops and the gate, and the application last', () => {
  const needs = (name: string) =>
    Object.entries(service(name).depends_on ?? {}).map(([other, { condition }]) => `${other}: ${condition}`);
  const healthy = services.filter(([, { healthcheck }]) => healthcheck).map(([name]) => name);
  expect(needs('producer')).toEqual(['postgres: service_healthy', 'redis: service_healthy']);
  for (const name of ['worker', 'ops', 'gate']) {
    expect(needs(name)).toContain('producer: service_completed_successfully');
  }
  expect(needs('app')).toEqual(['gate: service_completed_successfully']);
  expect(healthy).toEqual(expect.arrayContaining(['postgres', 'redis', 'cognito', 'worker', 'ops']));
  expect(service('gate').command).toEqual(['gate', '--wait']);
});

test('two workers, which get the time to finish their jobs', () => {
  const { deploy, stop_grace_period: grace = '' } = service('worker');
  expect(deploy?.replicas).toBe(2);
  expect(Number.parseInt(grace, 10) * 1000).toBeGreaterThan(20_000); // the default of ROLECALL_SHUTDOWN_TIMEOUT_MS
});

test('the files that compose mounts exist, and its manifest is one', async () => {
  const mounted = services
    .flatMap(([, { volumes = [] }]) => volumes)
    .filter((volume) => volume.startsWith('./'))
    .map((volume) => volume.split(':')[0] ?? '');
  expect(mounted.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const manifest = await readManifest(join(ROOT, 'deploy/rolecall.compose.yaml'), {});
  expect(manifest).toMatchObject({ kind: 'read' });
});

test('the emulator needs nothing but Node, as its container has nothing else', () => {
  const seen = new Set<string>();
  const visit = (file: string): string[] => {
    if (seen.has(file)) return [];
    seen.add(file);
    const targets = [...read(file).matchAll(/(?:\bfrom|\bimport\() *'([^']+)'/g)].map(([, target = '']) => target);
    const own = targets.filter((target) => target.startsWith('.')).map((target) => join(file, '..', target));
    const foreign = targets.filter((target) => !target.startsWith('.') && !target.startsWith('node:'));
    return [...foreign, ...own.filter((path) => !path.startsWith('demo/')), ...own.flatMap(visit)];
  };
  expect(visit('demo/emulator.ts')).toEqual([]);
  expect(seen.size).toBeGreaterThan(5);
});

test('CI is one executable script', () => {
  expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).not.toBe(0);
  expect(read('.ci/run')).toMatch(/^#!.*\bbash\n/);
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function instructions(text: string): { readonly word: string; readonly value: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, word, value] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    return word === undefined || value === undefined ? [] : [{ word, value }];
  });
}
