import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test as base } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import type { Gate } from '../../src/ops/gate/gate.ts';
import { runInShell, startCli, type RunningProcess } from '../support/cli.ts';
import { flush } from '../support/queue.ts';

/** `test` with a directory that only this test's demos use, so that what they leave behind shows. */
const test = base
  .extend('temp', async ({}, { onCleanup }) => {
    const temp = await mkdtemp(join(tmpdir(), 'rolecall-e2e-'));
    await chmod(temp, 0o711); // PostgreSQL runs as another user below root
    onCleanup(() => rm(temp, { recursive: true, force: true, maxRetries: 10 }));
    return temp;
  })
  .extend('demo', async ({ temp }, { onCleanup }) => {
    const started = new AsyncDisposableStack();
    onCleanup(() => started.disposeAsync());
    return (args = '', more: Env = {}): RunningProcess =>
      started.use(
        startCli(args.split(' ').filter(Boolean), {
          script: 'demo/demo.ts',
          env: { TMPDIR: temp, PORT: '0', ...more },
          endBy: 'SIGTERM', // or its PostgreSQL would outlive it
        }),
      );
  });

const redisTest = inject('redisUrl') === null ? test.skip : test.concurrent;

test('npm run demo -- --once shows everyone granted and the gate open, within 15 seconds', async ({ demo, temp }) => {
  const { exitCode, stdout, stderr, tookMs } = await demo('--once').ended;

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^TENANT +EMAIL +ROLES +STATE$/m);
  expect(stdout.match(/^flip +\S+@example\.org +(?:admin|researcher|observer) +granted$/gm)).toHaveLength(5);
  expect(stdout).toMatch(/^gate open$/m);
  expect(tookMs).toBeLessThan(15_000);
  expect(await readdir(temp)).toEqual([]);
});

// From here on several demos run at once: mostly they wait.
test.concurrent('a blocked demo says what to do, and doing it opens the gate', async ({ demo, temp }) => {
  const running = demo('--scenario blocked');
  await running.untilSays(/Ctrl-C ends it/);
  expect(running.stdout).toMatch(/^flip +admin\.three@example\.org +admin +blocked \(user-missing\)$/m);
  expect(running.stdout).toMatch(/^gate: blocked/m);
  const [page = ''] = /http:\/\/\S+(?=\/board)/.exec(running.stdout) ?? [];
  expect((await fetch(`${page}/gate`)).status).toBe(503);
  const [curl = ''] = /curl -X POST .*/.exec(running.stdout) ?? [];
  const [replay = ''] = /\S.*npm run -s rolecall -- replay --all/.exec(running.stdout) ?? [];
  const [server] = await serversIn(temp);

  expect(await runInShell(curl, {})).toMatchObject({ exitCode: 0 });
  expect(await runInShell(replay, {})).toMatchObject({ exitCode: 0, stdout: 'replayed 1\n' });
  await running.untilSays(/^gate open$/m);
  expect((await fetch(`${page}/gate`)).status).toBe(200);

  running.kill('SIGINT');
  expect(await running.ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await readdir(temp)).toEqual([]);
  expect(isAlive(server ?? 0), 'its PostgreSQL').toBe(false);
});

test.concurrent('a blocked demo that is run once exits with the gate’s code and the advice', async ({ demo }) => {
  const { exitCode, stdout } = await demo('--scenario blocked --once').ended;
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(
    /flip: 1 × user-missing\n.*\n +Create the user in the pool, then replay\. Or set onMissing in the manifest and produce a new release\./,
  );
});

test.concurrent('an outage is survived degraded, and heals, while other demos come and go', async ({ demo, temp }) => {
  const outage = demo('--scenario outage --once');
  await outage.untilSays(/recorded: 5 seeds/);
  const beside = await demo('--once').ended;
  const { exitCode, stdout } = await outage.ended;

  expect(beside.exitCode).toBe(0);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/gate open, degraded: .*retrying \d/);
  expect(stdout).toMatch(/^gate open$/m);
  expect(await readdir(temp)).toEqual([]);
});

test.concurrent('two demos on the usual port do not meet', async ({ demo }) => {
  const both = ['', ''].map((port) => demo('', { PORT: port }));
  await Promise.all(both.map((running) => running.untilSays(/Ctrl-C ends it/)));
  const pages = both.map(({ stdout }) => /^Page: +(\S+)$/m.exec(stdout)?.[1] ?? '');

  expect(new Set(pages).size).toBe(2);
  const gates = await Promise.all(
    pages.map(async (page) => (await (await fetch(new URL('/gate', page))).json()) as Gate),
  );
  expect(gates).toMatchObject([{ state: 'open' }, { state: 'open' }]);
  expect(gates[0]?.release).not.toBe(gates[1]?.release);
});

redisTest('a lent Redis holds the queue, also of the next demo', async ({ demo, onTestFinished }) => {
  const REDIS_URL = `${inject('redisUrl')}/${process.env['VITEST_POOL_ID'] ?? 0}`;
  await flush(REDIS_URL);
  onTestFinished(() => flush(REDIS_URL));

  for (const _ of [1, 2]) {
    const { exitCode, stdout } = await demo('--once', { REDIS_URL }).ended;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Queue: Redis, the one of REDIS_URL');
    expect(stdout).toMatch(/^gate open$/m);
  }
});

test.concurrent('a demo that is stopped while it starts leaves nothing behind', async ({ demo, temp }) => {
  const running = demo();
  await running.untilSays(/PostgreSQL: embedded/);
  running.kill('SIGINT');
  expect(await running.ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await readdir(temp)).toEqual([]);
});

test.concurrent('AWS keys of the shell never reach the emulator, and a mistyped option is refused', async ({
  demo,
}) => {
  const [plain, mistyped] = await Promise.all([
    demo('--once', { AWS_PROFILE: 'nobody', AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'us-east-1' }).ended,
    demo('--scenario blokced').ended,
  ]);
  expect(plain.exitCode).toBe(0);
  expect(mistyped).toMatchObject({ exitCode: 2, stdout: '' });
});

test.concurrent('a log level that is none is refused, in rolecall’s words, before anything is started', async ({
  demo,
}) => {
  const { exitCode, stdout, stderr } = await demo('--once', { LOG_LEVEL: 'foo' }).ended;

  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^demo: the environment cannot be used:\n {2}LOG_LEVEL: .*"info".*\n$/);
  expect(stdout).not.toContain('PostgreSQL');
});

/** The PostgreSQL servers of the demos that use this directory. */
async function serversIn(temp: string): Promise<number[]> {
  const files = (await readdir(temp)).map((name) => readFile(join(temp, name, 'data', 'postmaster.pid'), 'utf8'));
  return (await Promise.all(files)).map((text) => Number.parseInt(text, 10));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
