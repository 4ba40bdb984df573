import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../demo/embedded-postgres.ts';
import { migrate } from '../../src/producer/migrate.ts';
import { borrowRedis, startRedis } from '../../test/support/redis.ts';
import { execute, withDatabase } from '../../test/support/sql.ts';

/** What all benches share: a PostgreSQL, a Redis where there is one, and a folder. */
export interface Platform extends AsyncDisposable {
  readonly adminUrl: string;
  readonly redisUrl: string | null;
  readonly directory: string;
  /** Aborted when somebody wants the benches to end. */
  readonly signal: AbortSignal;
}

export interface PlatformOptions {
  /** An empty Redis to use instead of a redis-server of our own. */
  readonly lentRedisUrl: string | undefined;
  readonly signal: AbortSignal;
}

/** A migrated database, to clone: a deployment begins with an empty one. */
export const TEMPLATE = 'template_bench';

/** On free ports of the loopback interface. PostgreSQL is as on any machine, but does not wait for the disk. */
export async function startPlatform({ lentRedisUrl, signal }: PlatformOptions): Promise<Platform> {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'rolecall-bench-files-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const redis = await (lentRedisUrl ? borrowRedis(lentRedisUrl) : startRedis());
  opened.defer(async () => redis?.stop());
  const settings = ['max_connections=300'];
  const { url } = opened.use(await startEmbeddedPostgres({ prefix: 'rolecall-bench-', settings }));

  await execute(url, `create database ${TEMPLATE}`);
  const ledgerUrl = withDatabase(url, TEMPLATE);
  const managed = [{ databaseUrlEnv: 'DATABASE_URL', url: ledgerUrl, schema: 'public' }];
  await migrate({ ledgerUrl, queue: { kind: 'postgres', url: ledgerUrl }, managed, roles: [] });

  const owned = opened.move();
  return {
    adminUrl: url,
    redisUrl: redis?.url ?? null,
    directory,
    signal,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
