import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { freePort } from '../../demo/free-port.ts';
import { COMMANDS } from '../../src/commands.ts';
import { ROOT, runCli } from '../support/cli.ts';
import { createEmptyDatabase, deploymentTest } from '../support/deployment.ts';
import { sourceFiles } from '../support/source-facts.ts';
import { execute } from '../support/sql.ts';

/** Most of the time they wait for a process to start, or for somebody to answer. */
const test = deploymentTest.concurrent;

const read = (path: string) => readFile(join(ROOT, path), 'utf8');
const DECLARED = Object.keys(
  (JSON.parse(await read('package.json')) as { readonly dependencies: object }).dependencies,
);

const ONE = { tenants: [{ seeds: ['ada@example.org'] }] };
/** Ten seconds of asking, and the start of several processes at once on a busy machine. */
const SOON_MS = 45_000;
const OTHER = { tenants: [{ seeds: ['grace@example.org'] }] };

test('every command explains itself, without any environment', async () => {
  const commands = [...COMMANDS.keys()];
  const all = await runCli(['--help'], { env: {} });
  const each = await Promise.all(commands.map((command) => runCli([command, '--help'], { env: {} })));

  expect(commands.filter((command) => !new RegExp(`^  ${command}\\b`, 'm').test(all.stdout))).toEqual([]);
  for (const [at, { exitCode, stdout, stderr }] of each.entries()) {
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: rolecall ${commands[at]} `));
    expect(stdout).toContain('  3  the gate is blocked');
  }
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await read('package.json')) as { readonly version: string };
  expect(await runCli(['--version'], { env: {} })).toMatchObject({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

test('help loads nothing that a command works with', async () => {
  const packages = (await loadedByHelp()).map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  const loaded = new Set(packages);
  expect(DECLARED.filter((name) => loaded.has(name)).toSorted()).toEqual(['commander', 'pino', 'zod']);
});

test('the image has compiled whatever a command loads when it runs', async () => {
  const preloads = (await read('Dockerfile')).match(/--import \S+/g) ?? [];
  const loaded = await loadedByHelp(...preloads);
  const later = await Promise.all(
    sourceFiles().map(async (file) =>
      Array.from((await read(file)).matchAll(/\bimport\('(\.[^']+)'\)/g), ([, to = '']) => join(file, '..', to)),
    ),
  );
  expect(loaded).toContain('src/up.ts');
  expect(later.flat().filter((file) => !loaded.includes(file))).toEqual([]);
});

/** Files of the checkout, also when Node is told to load some before. */
async function loadedByHelp(...options: readonly string[]): Promise<string[]> {
  const tell = `import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (console.error('loaded', url), next(url, context)) });`;
  const hook = `--import=data:text/javascript,${encodeURIComponent(tell)}`;
  const { exitCode, stderr } = await runCli(['--help'], { env: { NODE_OPTIONS: [hook, ...options].join(' ') } });
  expect(exitCode).toBe(0);
  return Array.from(stderr.matchAll(/^loaded (file:.+)$/gm), ([, url = '']) => relative(ROOT, fileURLToPath(url)));
}

test('what Node compiled is kept beside the dependencies, and types are stripped once', async () => {
  const tell = `import { getCompileCacheDir } from 'node:module';
    process.on('exit', () => console.error(getCompileCacheDir(), process.moduleLoadList.join().includes('deps/amaro')));`;
  const env = {
    NODE_COMPILE_CACHE: undefined,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tell)}`,
  };
  await runCli(['gate', '--help'], { env });
  const { stderr } = await runCli(['gate', '--help'], { env });
  const [, directory, strips] = /^(\S+) (true|false)$/m.exec(stderr) ?? [];
  expect(directory).toContain(join(ROOT, 'node_modules/.cache/rolecall/'));
  expect(strips).toBe('false');
});

test.for<[mistake: string, command: string, said: RegExp]>([
  ['an unknown command', 'prodcue', /unknown command 'prodcue'/],
  ['an unknown option', 'gate --tenat flip', /unknown option '--tenat'/],
  ['an excess argument', 'status flip', /too many arguments/],
  ['a time-out that is no number', 'gate --wait --timeout soon', /--timeout: expected seconds/],
  ['a time-out without a wait', 'gate --timeout 5', /--timeout: needs --wait/],
  ['a state that no seed can have', 'status --state done', /--state: .*pending/],
  ['a replay that does not say of what', 'replay', /--tenant, --email or --reason/],
  ['a replay of all and of some', 'replay --all --tenant flip', /--all/],
])('%s is refused with exit code 2', async ([, command, said], { run }) => {
  const { exitCode, stdout, stderr } = await run(command);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(said);
});

test('every problem of a manifest is told at once, with its place', async ({ run, directory, databaseUrl }) => {
  const path = join(directory, 'bad.yaml');
  await writeFile(
    path,
    `version: 1
name: flip
roles:
  admin: { id: not-a-uuid, name: Admin, description: A role. }
tenants:
  - id: flip
    userPool: { id: eu-west-2_AbCdEfGhI, region: eu-west-9 }
    seeds:
      - { email: "\${NOBODY_SET_THIS}", roles: [admin] }
      - { email: ada@example.org, roles: [amdin], onMising: skip }
`,
  );
  const commands = ['validate', 'migrate', 'produce', 'up'];
  const ended = await Promise.all(commands.map((command) => run(command, { ROLECALL_MANIFEST: path })));
  const json = await run('validate --json', { ROLECALL_MANIFEST: path });

  for (const { exitCode, stdout, stderr } of ended) {
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect([...new Set(linesIn(stderr))]).toEqual([4, 7, 9, 10]);
    expect(linesIn(stderr).filter((line) => line === 10)).toHaveLength(2); // an unknown role, an unknown key
    expect(stderr).toContain('NOBODY_SET_THIS');
  }
  expect(json.exitCode).toBe(2);
  expect(JSON.parse(json.stdout)).toMatchObject({ valid: false, problems: expect.arrayContaining([]) });
  expect(JSON.parse(json.stdout).problems).toHaveLength(5);
  expect(await execute(databaseUrl, 'select 1 from rolecall.release')).toEqual([]);
});

test('every variable that is wrong is named at once, and no value is shown', async ({ run, manifest }) => {
  await manifest(ONE);
  const wrong = {
    DATABASE_URL: 'mysql://user:hunter2@db/x',
    REDIS_URL: 'http://hunter2@redis',
    PORT: 'hunter2',
    ROLECALL_CONCURRENCY: 'hunter2',
    ROLECALL_BOARD_MODE: 'hunter2',
    LOG_LEVEL: 'hunter2',
  };

  const ended = await run('up', wrong);

  expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
  expect(Object.keys(wrong).filter((name) => !ended.stderr.includes(`${name}: `))).toEqual([]);
  expect(ended.stderr).not.toContain('hunter2');
});

test('validate says what the manifest holds, without a database', async ({ run, manifest }) => {
  const path = await manifest({ tenants: [{ seeds: ['ada@example.org', 'grace@example.org'] }] });
  const [people, machines] = await Promise.all(
    ['validate', 'validate --json'].map((command) => run(command, { DATABASE_URL: undefined })),
  );

  expect(people).toMatchObject({ exitCode: 0, stderr: '' });
  expect(people?.stdout).toContain(`${path} is valid: flip, 1 tenants, 2 seeds`);
  expect(JSON.parse(machines?.stdout ?? '')).toMatchObject({ valid: true, name: 'flip', seeds: 2 });
});

test('many migrations at once of an empty database all succeed', async ({ run, manifest }) => {
  await manifest(ONE);
  await using empty = await createEmptyDatabase();
  const ended = await Promise.all([1, 2, 3].map(() => run('migrate --json', { DATABASE_URL: empty.url })));

  expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  expect(JSON.parse(ended[0]?.stdout ?? '')).toMatchObject({ migrated: true });
  expect(await execute(empty.url, 'select name from public.roles order by 1')).toEqual([
    { name: 'Admin' },
    { name: 'Researcher' },
  ]);
});

test('a release id always means the same manifest', async ({ run, manifest, databaseUrl }) => {
  await manifest(ONE);
  expect(await run('produce --release v1')).toMatchObject({ exitCode: 0 });
  await manifest(OTHER);
  const other = await run('produce --release v1');

  expect(other).toMatchObject({ exitCode: 2, stdout: '' });
  expect(other.stderr).toContain('release v1 of flip was recorded with another manifest');
  expect(await execute(databaseUrl, 'select release_id from rolecall.release')).toHaveLength(1);
});

test('where several manifests are current, the question must name one', async ({ run, manifest }) => {
  await manifest(ONE);
  expect(await run('produce')).toMatchObject({ exitCode: 0 });
  await manifest({ ...ONE, name: 'relay' });
  expect(await run('produce')).toMatchObject({ exitCode: 0 });

  const [gate, status, named] = await Promise.all(['gate', 'status', 'gate --name relay --json'].map((c) => run(c)));

  for (const ended of [gate, status]) {
    expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ended?.stderr).toMatch(/--name \(flip, relay\)/);
  }
  expect(named?.exitCode).toBe(4);
  expect(JSON.parse(named?.stdout ?? '')).toMatchObject({ name: 'relay', state: 'pending' });
});

test('what nobody produced is unknown, which is closed', async ({ run, manifest }) => {
  await using empty = await createEmptyDatabase();
  const questions = ['gate --json', 'gate --release v9 --json', 'gate --wait --timeout 1 --json'];
  const answers = await Promise.all(questions.map((question) => run(question, { DATABASE_URL: empty.url })));
  expect(answers.map(({ exitCode }) => exitCode)).toEqual([4, 4, 4]);
  expect(answers.map(({ stdout }) => JSON.parse(stdout).state)).toEqual(['unknown', 'unknown', 'unknown']);

  await manifest(ONE);
  expect(await run('produce --release v1')).toMatchObject({ exitCode: 0 });
  const others = await Promise.all(
    ['gate --release v2', 'gate --tenant nobody', 'gate --name relay'].map((c) => run(c)),
  );
  expect(others.map(({ exitCode }) => exitCode)).toEqual([4, 4, 4]);
});

test('a gate that is not settled in time is exit code 4', async ({ run, manifest }) => {
  await manifest(ONE);
  const produced = await run('produce --wait --timeout 1'); // nobody works
  expect(produced).toMatchObject({ exitCode: 4 });
  expect(produced.stdout).toMatch(/^gate: pending/);
});

test('a PostgreSQL that is away is exit code 5, soon', async ({ run, manifest }) => {
  await manifest(ONE);
  const away = { DATABASE_URL: `postgres://user:hunter2@127.0.0.1:${await freePort()}/x` };
  const commands = ['produce', 'ops', 'work', 'gate --wait --timeout 1', 'status', 'replay --all'];
  const ended = await Promise.all(commands.map((command) => run(command, away)));

  expect(ended.map(({ exitCode }, at) => [commands[at], exitCode])).toEqual(commands.map((command) => [command, 5]));
  expect(Math.max(...ended.map(({ tookMs }) => tookMs))).toBeLessThan(SOON_MS);
  expect(ended.filter(({ stdout, stderr }) => `${stdout}${stderr}`.includes('hunter2'))).toEqual([]);
});

test("a tenant's PostgreSQL that is away is a remark of produce, and exit code 5 of migrate", async ({
  run,
  manifest,
  databaseUrl,
}) => {
  const grants = { databaseUrlEnv: 'APP1_URL', schema: 'public' };
  await manifest({ tenants: [...ONE.tenants, { id: 'app1', grants, seeds: ['grace@example.org'] }] });
  const away = { APP1_URL: `postgres://user:hunter2@127.0.0.1:${await freePort()}/x` };
  const [produced, migrated] = await Promise.all(['produce --release v1', 'migrate'].map((c) => run(c, away)));

  const problem = 'PostgreSQL (APP1_URL) cannot be reached (ECONNREFUSED)';
  expect(produced).toMatchObject({
    exitCode: 0,
    stderr: `${problem}: the release goes on without it, and its seeds are tried again until it answers\n`,
  });
  expect(migrated).toMatchObject({ exitCode: 5, stdout: '', stderr: `rolecall: ${problem}\n` });
  expect(await execute(databaseUrl, 'select from rolecall.seed')).toHaveLength(2);
});

test('a Redis that is away is exit code 5, soon, and nothing is recorded', async ({ run, manifest, databaseUrl }) => {
  await manifest(ONE);
  const away = { REDIS_URL: `redis://user:hunter2@127.0.0.1:${await freePort()}` };
  const commands = ['produce', 'up', 'work'];
  const ended = await Promise.all(commands.map((command) => run(command, away)));

  expect(ended.map(({ exitCode }, at) => [commands[at], exitCode])).toEqual(commands.map((command) => [command, 5]));
  expect(Math.max(...ended.map(({ tookMs }) => tookMs))).toBeLessThan(SOON_MS);
  expect(ended.filter(({ stdout, stderr }) => `${stdout}${stderr}`.includes('hunter2'))).toEqual([]);
  expect(await execute(databaseUrl, 'select 1 from rolecall.release')).toEqual([]);
});

test('a replay while Redis is away changes nothing', async ({ run, manifest, serve, cognito, databaseUrl }) => {
  await manifest({ tenants: [{ seeds: ['nobody@example.org'] }] });
  cognito.addPool({ id: 'eu-west-2_AbCdEfGhI' });
  await serve('work');
  expect(await run('produce --wait --timeout 20')).toMatchObject({ exitCode: 3 });

  const ended = await run('replay --all', { REDIS_URL: `redis://127.0.0.1:${await freePort()}` });

  expect(ended.exitCode).toBe(5);
  expect(await execute(databaseUrl, 'select state from rolecall.seed')).toEqual([{ state: 'blocked' }]);
});

function linesIn(text: string): number[] {
  return [...text.matchAll(/bad\.yaml:(\d+):\d+/g)].map(([, line]) => Number(line));
}
