import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Env } from '#shared/config/env.ts';
import { openQueue, type SeedQueue } from '#shared/queue/open-queue.ts';
import { queueTarget, RedisUrl } from '#shared/queue/queue-target.ts';
import { execute, withDatabase } from '../../test/support/sql.ts';
import type { Backend } from './bench.ts';
import { startChild, type Child, type Finished } from './child-process.ts';
import { startEmulatorProcess, type EmulatorOptions, type EmulatorProcess } from './emulator-process.ts';
import { openLedgerProbe, type LedgerProbe } from './ledger-probe.ts';
import { TEMPLATE, type Platform } from './platform.ts';
import { secondsOf } from './statistics.ts';
import { poolOf, writeManifest, type ManifestFolder } from './tenants.ts';

export type Manifest = Pick<ManifestFolder, 'name' | 'tenants' | 'tenantsPerFile'>;

/** An empty database, an empty queue, a Cognito, and rolecall as processes. Disposing of it ends them all. */
export interface Deployment extends AsyncDisposable {
  readonly cognito: EmulatorProcess;
  readonly probe: LedgerProbe;
  readonly queue: SeedQueue;
  /** Writes the manifest and makes the users whom it names. */
  prepare(manifest: Manifest): Promise<void>;
  /** The command, from its start to its end. */
  produce(name: string): Promise<Finished>;
  /** Resolves when all of them consume. The concurrency is that of each; by default rolecall's own. */
  startWorkers(count: number, concurrency?: number): Promise<void>;
  /** Returns its URL. */
  startOps(): Promise<string>;
  /** A script of `bench/baselines` with the same database, queue and keys. */
  startBaseline(script: string, options: object): Child;
}

export type CognitoOptions = Pick<EmulatorOptions, 'latencyMs' | 'quota'>;

export async function openDeployment(
  platform: Platform,
  backend: Backend,
  options: CognitoOptions,
): Promise<Deployment> {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(platform.directory, 'deployment-'));
  const databaseUrl = await createDatabase(platform, opened);
  const redisUrl = backend === 'redis' ? await emptyRedis(platform, opened) : undefined;
  const probe = opened.use(await openLedgerProbe({ url: databaseUrl, signal: platform.signal }));
  const cognito = opened.use(await startEmulatorProcess({ directory, ...options }));
  const queue = opened.use(
    openQueue(queueTarget(redisUrl === undefined ? undefined : RedisUrl.parse(redisUrl), databaseUrl)),
  );
  const children = opened.use(new AsyncDisposableStack());

  const env: Env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    PORT: '0',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
  };
  const manifestPath = (name: string) => join(directory, name);
  let started = 0;

  function start(script: string, args: readonly string[], more: Env = {}): Child {
    started += 1;
    const outputFile = join(directory, `${started}.log`);
    return children.use(startChild(script, args, { env: { ...env, ...more }, outputFile }));
  }

  const owned = opened.move();
  return {
    cognito,
    probe,
    queue,
    async prepare({ name, tenants, ...rest }) {
      await writeManifest({ path: manifestPath(name), name, tenants, endpoint: cognito.url, ...rest });
      for (const tenant of tenants) await cognito.addPool(poolOf(tenant));
    },
    produce: (name) => start('src/rolecall.js', ['produce'], { ROLECALL_MANIFEST: manifestPath(name) }).finished(),
    async startWorkers(count, concurrency) {
      const more = concurrency === undefined ? {} : { ROLECALL_CONCURRENCY: `${concurrency}` };
      const workers = Array.from({ length: count }, () => start('src/rolecall.js', ['work'], more));
      await Promise.all(workers.map((worker) => worker.untilSays(/"msg":"consuming"/)));
    },
    async startOps() {
      const [, url = ''] = await start('src/rolecall.js', ['ops']).untilSays(/"url":"([^"]+)","msg":"listening"/);
      return url;
    },
    startBaseline: (script, baseline) => start(`bench/baselines/${script}`, [JSON.stringify(baseline)]),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** How long a deploy waits: from the start of `produce`, while workers run, until the last seed has its grant. */
export async function secondsOfRelease({ produce, probe }: Deployment, { name, tenants }: Manifest): Promise<number> {
  const started = performance.now();
  const produced = produce(name);
  const failure = produced.then(() => new Promise(() => {})); // settles only when produce fails
  await Promise.race([probe.untilSettled(name), failure]);
  const seconds = (performance.now() - started) / 1000;
  await produced;
  await probe.verifyGranted(name, seedsOf(tenants));
  return seconds;
}

/**
 * How fast workers are: they run and the queue is full but paused; from its being resumed until the last seed has its
 * grant. `before`: a release that they have run before, as workers have that do not start with every deploy.
 */
export async function seedsPerSecond(
  deployment: Deployment,
  { name, tenants }: Manifest,
  workers: { readonly count: number; readonly concurrency: number; readonly before?: Manifest },
): Promise<number> {
  const { produce, queue, probe, startWorkers } = deployment;
  await startWorkers(workers.count, workers.concurrency);
  if (workers.before !== undefined) await secondsOfRelease(deployment, workers.before);
  await queue.pause();
  await produce(name);
  const seconds = await secondsOf(async () => {
    await queue.resume();
    await probe.untilSettled(name);
  });
  const seeds = seedsOf(tenants);
  await probe.verifyGranted(name, seeds);
  return seeds / seconds;
}

export function seedsOf(tenants: Manifest['tenants']): number {
  return tenants.reduce((sum, { seeds }) => sum + seeds, 0);
}

/** It goes with the deployment: what is left of a big one would be vacuumed while the next is measured. */
async function createDatabase({ adminUrl, signal }: Platform, opened: AsyncDisposableStack): Promise<string> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await execute(adminUrl, `create database ${name} template ${TEMPLATE}`);
  opened.defer(async () => {
    if (!signal.aborted) await execute(adminUrl, `drop database ${name} with (force)`); // else the server goes as a whole
  });
  return withDatabase(adminUrl, name);
}

/** Before and after: one that was lent is given back as it was. */
async function emptyRedis({ redisUrl }: Platform, opened: AsyncDisposableStack): Promise<string> {
  if (redisUrl === null) throw new Error('there is no Redis');
  await flush(redisUrl);
  opened.defer(() => flush(redisUrl).catch(() => {})); // Ctrl-C in a terminal may have ended it
  return redisUrl;
}

async function flush(url: string): Promise<void> {
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  client.on('error', () => {}); // the command rejects
  try {
    await client.flushdb();
  } finally {
    client.disconnect();
  }
}
