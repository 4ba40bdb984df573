import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Env } from '#shared/config/env.ts';

export const ROOT = join(import.meta.dirname, '../..');

export interface Ended {
  /** `null`: a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** The match, as soon as stdout or stderr has it. Rejects when the process ends without having said it. */
  untilSays(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
}

export interface StartOptions {
  readonly env: Env;
  /** The file that Node runs; default: the command line of rolecall. */
  readonly script?: string;
  /** How the test ends a process that still runs. Default: SIGKILL. */
  readonly endBy?: 'SIGTERM' | 'SIGKILL';
}

/** The real command line as a child process. Its environment is what is given and no more. The caller disposes of it. */
export function startCli(
  args: readonly string[],
  { env, script = 'src/rolecall.js', endBy }: StartOptions,
): RunningProcess {
  return startProcess(process.execPath, [script, ...args], env, endBy);
}

export async function runCli(args: readonly string[], options: StartOptions): Promise<Ended> {
  await using child = startCli(args, options);
  return await child.ended;
}

/** A line that was printed for an operator, in the shell. */
export async function runInShell(line: string, env: Env): Promise<Ended> {
  await using child = startProcess('/bin/sh', ['-c', line], env);
  return await child.ended;
}

function startProcess(
  command: string,
  args: readonly string[],
  env: Env,
  endBy: NodeJS.Signals = 'SIGKILL',
): RunningProcess {
  const started = performance.now();
  const child = spawn(command, args, { cwd: ROOT, env: { ...BASE, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (said[stream] += text));
  }
  const running = () => child.exitCode === null && child.signalCode === null;
  const ended = once(child, 'close').then((): Ended => ({
    exitCode: child.exitCode,
    ...said,
    tookMs: performance.now() - started,
  }));
  return {
    pid: child.pid ?? 0,
    get stdout() {
      return said.stdout;
    },
    get stderr() {
      return said.stderr;
    },
    ended,
    kill: (signal) => void child.kill(signal),
    async untilSays(pattern, timeoutMs = 30_000) {
      const find = () => pattern.exec(said.stdout) ?? pattern.exec(said.stderr);
      const match = await vi
        .waitUntil(() => find() ?? !running(), { timeout: timeoutMs, interval: 20 })
        .catch(() => {});
      const found = match === true ? (await ended, find()) : match;
      if (found) return found;
      throw new Error(`never said ${pattern.source}, but:\n${said.stdout}\n${said.stderr}`);
    },
    async [Symbol.asyncDispose]() {
      if (running()) child.kill(endBy);
      await ended;
    },
  };
}

/** What any process needs; nothing of AWS or rolecall leaks in from the shell that runs the tests. */
const BASE: Env = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TMPDIR: process.env['TMPDIR'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
};
