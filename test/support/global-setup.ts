import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/producer/migrate.ts';
import { execute, withDatabase } from './sql.ts';
import { startPostgres } from './postgres.ts';
import { borrowRedis, startRedis } from './redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    adminUrl: string;
    redisUrl: string | null;
  }
}

/** One PostgreSQL and one Redis for the run, each on a free port, and a migrated database to clone. */
export default async function setup(project: TestProject) {
  const lent = process.env['TEST_REDIS_URL'];
  const postgres = await startPostgres();
  const redis = await (lent ? borrowRedis(lent) : startRedis());
  const stop = async () => {
    await redis?.stop();
    await postgres.stop();
  };
  try {
    report(project.name, redis !== null);
    await execute(postgres.url, 'create database template_rolecall');
    const url = withDatabase(postgres.url, 'template_rolecall');
    await migrate({
      ledgerUrl: url,
      queue: { kind: 'postgres', url },
      managed: [{ databaseUrlEnv: 'DATABASE_URL', url, schema: 'public' }],
      roles: [],
    });
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('adminUrl', postgres.url);
  project.provide('redisUrl', redis?.url ?? null);
  return stop;
}

function report(project: string, redis: boolean): void {
  if (redis) return void process.stderr.write(`${project}: queue backends under test: redis, postgres\n`);
  const missing = `${project}: queue backends under test: postgres only. Redis is skipped: install redis-server (apt-get install redis-server, brew install redis), or set TEST_REDIS_URL.\n`;
  process.stderr.write(missing);
  if (process.env['CI']) throw new Error('with CI set, both queue backends must be tested');
}
