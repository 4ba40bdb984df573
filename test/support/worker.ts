import { describe, inject } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { createLogger } from '#shared/runtime/logger.ts';
import { startEmulator } from '../../demo/cognito/emulator.ts';
import type { Produced } from '../../src/producer/produce.ts';
import { startWorkerApp, type WorkerApp } from '../../src/worker/worker-app.ts';
import { parseWorkerConfig } from '../../src/worker/worker-config.ts';
import { writeOut, type ManifestSketch } from './manifest.ts';
import { produceManifest } from './produce.ts';
import { testOn } from './queue.ts';

/** A static key, which the emulator takes for good in every account. */
export const AWS_KEY = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'test' };
Object.assign(process.env, AWS_KEY); // the SDK of a worker in this process reads them there

/** Delays that a test can wait for. */
const SHORT = {
  ROLECALL_RETRY_BASE_MS: '50',
  ROLECALL_RETRY_CAP_MS: '200',
  ROLECALL_MISSING_RECHECK_MS: '100',
  ROLECALL_WAITING_RECHECK_MS: '200',
  ROLECALL_SHUTDOWN_TIMEOUT_MS: '5000',
  PORT: '0',
};

export interface RunningWorker extends WorkerApp {
  /** Its log so far. */
  readonly lines: readonly string[];
}

/** Runs a suite with producer, workers and a Cognito of its own per test, on Redis and again on PostgreSQL. */
export function describeOnBothPlatforms(name: string, suite: (test: PlatformTest) => void): void {
  describe.skipIf(inject('redisUrl') === null)(`${name} on redis`, () => suite(platformOn('redis')));
  describe(`${name} on postgres`, () => suite(platformOn('postgres')));
}

export type PlatformTest = ReturnType<typeof platformOn>;

/** For what has nothing to do with the queue: on the backend that every machine has. */
export const platformTest = platformOn('postgres');

export function platformOn(kind: 'redis' | 'postgres') {
  return testOn(kind)
    .extend('cognito', async ({}, { onCleanup }) => {
      const emulator = await startEmulator({ quotas: { UserList: Infinity } });
      onCleanup(() => emulator[Symbol.asyncDispose]());
      return emulator;
    })
    .extend('env', ({ databaseUrl, redisUrl }): Env => ({
      ...SHORT,
      DATABASE_URL: databaseUrl,
      ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
    }))
    .extend('produce', ({ env, cognito }) => {
      return (sketch: ManifestSketch, release?: string, more: Env = {}): Promise<Produced> =>
        produceManifest(writeOut(sketch, cognito.url), { ...env, ...more }, release);
    })
    .extend('work', async ({ env }, { onCleanup }) => {
      const running = new AsyncDisposableStack();
      onCleanup(() => running.disposeAsync());
      return async (more: Env = {}): Promise<RunningWorker> => {
        const lines: string[] = [];
        const log = createLogger('debug', (line) => lines.push(line));
        const app = running.use(await startWorkerApp({ config: parseWorkerConfig({ ...env, ...more }), log }));
        return Object.assign(app, { lines });
      };
    });
}
