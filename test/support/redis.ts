import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../demo/free-port.ts';

export interface RedisServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** A redis-server from PATH, on a free port and without persistence; `null` where there is none. */
export async function startRedis(): Promise<RedisServer | null> {
  const directory = await mkdtemp(join(tmpdir(), 'rolecall-redis-'));
  const port = await freePort();
  const flags = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', directory, '--save', '', '--databases', '64'];
  const child = spawn('redis-server', flags, { stdio: 'ignore' });
  const started = await once(child, 'spawn').then(
    () => true,
    () => false, // `once` rejects with the error: there is no such program
  );
  if (!started) {
    await rm(directory, { recursive: true, force: true });
    return null;
  }
  const url = `redis://127.0.0.1:${port}`;
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on('error', () => {}); // until it listens
  await client.ping();
  client.disconnect();
  return {
    url,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      } // else Ctrl-C in a terminal, which reaches it as well, came first
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A Redis that somebody lends us is used only when it is empty. */
export async function borrowRedis(url: string): Promise<RedisServer> {
  const client = new Redis(url, { maxRetriesPerRequest: 1, lazyConnect: true });
  try {
    await client.connect();
    if (/^db\d+:keys=/m.test(await client.info('keyspace'))) {
      throw new Error('TEST_REDIS_URL names a Redis that holds keys; the tests flush theirs, so they refuse it');
    }
  } finally {
    client.disconnect();
  }
  return { url, stop: async () => {} };
}
