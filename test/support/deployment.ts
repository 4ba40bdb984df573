import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, vi } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { startEmulator } from '../../demo/cognito/emulator.ts';
import type { Gate } from '../../src/ops/gate/gate.ts';
import { runCli, startCli, type Ended, type RunningProcess } from './cli.ts';
import { writeOut, type ManifestSketch } from './manifest.ts';
import { testOn } from './queue.ts';
import { execute, withDatabase } from './sql.ts';

/** Delays that a test can wait for, and keys that the emulator takes for good. */
export const DEPLOYED_ENV: Env = {
  ROLECALL_RETRY_BASE_MS: '50',
  ROLECALL_RETRY_CAP_MS: '200',
  ROLECALL_MISSING_RECHECK_MS: '100',
  ROLECALL_WAITING_RECHECK_MS: '200',
  ROLECALL_SHUTDOWN_TIMEOUT_MS: '5000',
  PORT: '0',
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'test',
};

export interface Server {
  readonly process: RunningProcess;
  readonly url: string;
  ask(path: string, options?: RequestInit): Promise<Response>;
}

export interface Manifested extends ManifestSketch {
  readonly gate?: { readonly onTransient: 'hold' | 'tolerate' };
}

/** Runs a suite with the real command line against a queue of each kind. */
export function describeOnBothDeployments(name: string, suite: (test: DeploymentTest) => void): void {
  describe.skipIf(inject('redisUrl') === null)(`${name} on redis`, () => suite(deploymentOn('redis')));
  describe(`${name} on postgres`, () => suite(deploymentOn('postgres')));
}

export type DeploymentTest = ReturnType<typeof deploymentOn>;

/** For what has nothing to do with the queue: on the backend that every machine has. */
export const deploymentTest = deploymentOn('postgres');

/** `test` with a database, a queue, a Cognito, and the commands of rolecall as processes that all end with the test. */
export function deploymentOn(kind: 'redis' | 'postgres') {
  return testOn(kind)
    .extend('cognito', async ({}, { onCleanup }) => {
      const emulator = await startEmulator({ quotas: { UserList: Infinity } });
      onCleanup(() => emulator[Symbol.asyncDispose]());
      return emulator;
    })
    .extend('directory', async ({}, { onCleanup }) => {
      const directory = await mkdtemp(join(tmpdir(), 'rolecall-e2e-'));
      onCleanup(() => rm(directory, { recursive: true }));
      return directory;
    })
    .extend('env', ({ databaseUrl, redisUrl, directory }): Env => ({
      ...DEPLOYED_ENV,
      DATABASE_URL: databaseUrl,
      ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
      ROLECALL_MANIFEST: join(directory, 'rolecall.yaml'),
    }))
    .extend('manifest', ({ directory, cognito }) => {
      /** Writes the manifest that every command of this test reads. */
      return async ({ gate, ...sketch }: Manifested, name = 'rolecall.yaml'): Promise<string> => {
        const path = join(directory, name);
        await writeFile(path, JSON.stringify({ ...writeOut(sketch, cognito.url), ...(gate && { gate }) })); // JSON is YAML
        return path;
      };
    })
    .extend('run', ({ env }) => {
      /** A command to its end. */
      return (args: string, more: Env = {}): Promise<Ended> => runCli(args.split(' '), { env: { ...env, ...more } });
    })
    .extend('start', async ({ env }, { onCleanup }) => {
      const started = new AsyncDisposableStack();
      onCleanup(() => started.disposeAsync());
      /** A command that goes on. */
      return (args: string, more: Env = {}): RunningProcess =>
        started.use(startCli(args.split(' '), { env: { ...env, ...more } }));
    })
    .extend('serve', ({ start }) => {
      /** A command that listens, and does. */
      return async (args: string, more: Env = {}): Promise<Server> => {
        const process = start(args, more);
        const [, url = ''] = await process.untilSays(/"url":"([^"]+)","msg":"listening"/);
        return { process, url, ask: (path, options) => fetch(new URL(path, url), options) };
      };
    });
}

/** The body of `/gate`, once it is as expected. */
export async function untilGate(server: Server, expected: object, query = '', timeout = 10_000): Promise<Gate> {
  return vi.waitFor(
    async () => {
      const gate = (await (await server.ask(`/gate${query}`)).json()) as Gate;
      expect(gate).toMatchObject(expected);
      return gate;
    },
    { timeout, interval: 50 },
  );
}

/** A database into which nobody has migrated anything. The caller drops it. */
export async function createEmptyDatabase(): Promise<{ readonly url: string } & AsyncDisposable> {
  const name = `empty_${randomBytes(6).toString('hex')}`;
  await execute(inject('adminUrl'), `create database ${name}`);
  return {
    url: withDatabase(inject('adminUrl'), name),
    [Symbol.asyncDispose]: async () => void (await execute(inject('adminUrl'), `drop database ${name} with (force)`)),
  };
}
