import { Redis } from 'ioredis';
import { describe, inject } from 'vitest';
import { openQueue } from '#shared/queue/open-queue.ts';
import { RedisUrl, type QueueTarget } from '#shared/queue/queue-target.ts';
import { databaseTest } from './database.ts';

/** Runs a suite on Redis and again on PostgreSQL; `target` is all that differs. */
export function describeOnBothQueues(name: string, suite: (test: QueueTest) => void): void {
  describe.skipIf(inject('redisUrl') === null)(`${name} on redis`, () => suite(testOn('redis')));
  describe(`${name} on postgres`, () => suite(testOn('postgres')));
}

export type QueueTest = ReturnType<typeof testOn>;

/** `test` with a database, its ledger and an empty queue of this kind. */
export function testOn(kind: 'redis' | 'postgres') {
  return databaseTest
    .extend('redisUrl', async ({}, { onCleanup }): Promise<string | undefined> => {
      if (kind === 'postgres') return undefined;
      const url = `${inject('redisUrl')}/${process.env['VITEST_POOL_ID'] ?? 0}`; // no two files share a worker at once
      await flush(url);
      onCleanup(() => flush(url));
      return url;
    })
    .extend('target', ({ databaseUrl, redisUrl }): QueueTarget =>
      redisUrl === undefined ? { kind: 'postgres', url: databaseUrl } : RedisUrl.parse(redisUrl),
    )
    .extend('queue', async ({ target }, { onCleanup }) => {
      const queue = openQueue(target);
      onCleanup(() => queue[Symbol.asyncDispose]());
      return queue;
    });
}

export async function flush(url: string): Promise<void> {
  const client = new Redis(url);
  await client.flushdb();
  client.disconnect();
}
