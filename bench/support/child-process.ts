import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface Finished {
  readonly output: string;
  readonly peakMb: number;
}

/** A process of Node that runs one of our scripts. Disposing of it kills it. */
export interface Child extends AsyncDisposable {
  /** As soon as its output has it. Rejects when it ends without having said it. */
  untilSays(pattern: RegExp): Promise<RegExpExecArray>;
  /** A baseline and the bench talk in messages. Rejects when it ends instead. */
  receive(): Promise<unknown>;
  send(message: string): void;
  /** It ended by itself, and well. */
  finished(): Promise<Finished>;
}

export interface ChildOptions {
  readonly env: Env;
  /** What it says is written there: a file is never slower than whoever reads a pipe. */
  readonly outputFile: string;
}

const LOOK_EVERY_MS = 20;
const running = new Set<ChildProcess>();

/** For the end of this process, when nobody is left to dispose of them. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}

export function startChild(script: string, args: readonly string[], { env, outputFile }: ChildOptions): Child {
  const output = openSync(outputFile, 'w');
  const preload = join(import.meta.dirname, 'leave-with-parent.js');
  const child = spawn(process.execPath, ['--import', preload, script, ...args], {
    cwd: ROOT,
    env: { ...BASE, ...env },
    stdio: ['ignore', output, output, 'ipc'],
    detached: true, // out of the terminal's reach: Ctrl-C is for the bench, which ends them in order
  });
  closeSync(output);
  running.add(child);
  const ended = once(child, 'exit').finally(() => running.delete(child));
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const said = () => readFile(outputFile, 'utf8');
  const failure = async (what: string) =>
    new Error(`${[script, ...args].join(' ')} ${what}; the end of its output:\n${(await said()).slice(-2_000)}`);

  return {
    async untilSays(pattern) {
      for (;;) {
        const alive = isRunning();
        const match = pattern.exec(await said());
        if (match !== null) return match;
        if (!alive) throw await failure(`never said ${pattern.source}`);
        await sleep(LOOK_EVERY_MS);
      }
    },
    async receive() {
      const message = once(child, 'message').then(([received]: unknown[]) => ({ received }));
      const heard = await Promise.race([message, ended.then(() => null)]);
      if (heard === null) throw await failure('ended before it answered');
      return heard.received;
    },
    send: (message) => void child.send(message),
    async finished() {
      await ended;
      if (child.exitCode !== 0) throw await failure(`ended with ${child.exitCode ?? child.signalCode}`);
      const text = await said();
      const [line = '', kilobytes] = /\npeak memory (\d+) kB\n$/.exec(text) ?? [];
      return { output: text.slice(0, text.length - line.length), peakMb: Number(kilobytes) / 1024 };
    },
    async [Symbol.asyncDispose]() {
      if (isRunning()) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What any process needs; nothing of AWS or rolecall leaks in from the shell. */
const BASE: Env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] };
