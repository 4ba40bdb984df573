import { describe, expect, test } from 'vitest';
import { askQueue, connectRedis, openQueue } from '#shared/queue/open-queue.ts';
import { RedisUrl, type QueueTarget } from '#shared/queue/queue-target.ts';
import { classifySlotError } from '../../src/worker/pacing/slot-errors.ts';
import { startFakeRedis, type Answer } from '../support/fake-redis.ts';

type RedisTarget = Exclude<QueueTarget, { kind: 'postgres' }>;

const connect = (scheme: 'redis' | 'redis+cluster', port: number) =>
  connectRedis(RedisUrl.parse(`${scheme}://127.0.0.1:${port}`) as RedisTarget); // both schemes are
const SHA = 'f'.repeat(40);
const reserve = (redis: ReturnType<typeof connectRedis>) => redis.evalsha(SHA, 1, '{rolecall}:pacing:own');
/** What 6.2 puts before an error inside a script. */
const IN_SCRIPT = `-ERR Error running script (call to f_${SHA}): @user_script:4: `;
const REFUSED_IN_SCRIPT = `${IN_SCRIPT}@user_script: 4: -`;
const READ_ONLY = "READONLY You can't write against a read only replica.";

describe.concurrent('a Redis that cannot be asked is no verdict on a seed:', () => {
  test.for<[why: string, scheme: 'redis' | 'redis+cluster', answer: Answer | 'hangUp', says: RegExp]>([
    ['it says nothing', 'redis', () => null, /^Command timed out/],
    ['it hangs up', 'redis', 'hangUp', /^Reached the max retries/],
    ['it is something else', 'redis', () => 'HTTP/1.1 400 Bad Request\r\n\r\n', /^Unknown RESP type/],
    ['it is loaded', 'redis', () => '-LOADING Redis is loading the dataset in memory\r\n', /^LOADING/],
    ['it is full', 'redis', () => "-OOM command not allowed when used memory > 'maxmemory'.\r\n", /^OOM/],
    [
      'it is full, of version 6.2',
      'redis',
      () => `${REFUSED_IN_SCRIPT}OOM command not allowed when used memory > 'maxmemory'.\r\n`,
      /^ERR/,
    ],
    [
      'a cluster whose nodes send us round',
      'redis+cluster',
      ({ port }) => `-MOVED 1 127.0.0.1:${port}\r\n`,
      /^Too many/,
    ],
    [
      'a cluster that is down',
      'redis+cluster',
      () => '-CLUSTERDOWN The cluster is down\r\n',
      /^Too many|^Command timed out/,
    ],
    ['a cluster whose node says nothing', 'redis+cluster', () => null, /^Command timed out/],
    ['a cluster of which no node answers', 'redis+cluster', 'hangUp', /^Command timed out/],
  ])('%s', async ([, scheme, answer, says]) => {
    await using server = await startFakeRedis(answer);
    const redis = connect(scheme, server.port);

    const failed: unknown = await reserve(redis).catch((error: unknown) => error);
    redis.disconnect();
    expect((failed as Error).message).toMatch(says);
    expect(classifySlotError(failed)).toBe('queue-unavailable');
  });

  test.for(['redis', 'redis+cluster'] as const)('this process lets go of %s', async (scheme) => {
    await using server = await startFakeRedis(() => '+OK\r\n');
    const redis = connect(scheme, server.port);
    await reserve(redis);
    redis.disconnect();

    const failed: unknown = await reserve(redis).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(classifySlotError(failed)).toBe('queue-unavailable');
  });
});

test.concurrent.for(['redis', 'redis+cluster'])(
  'a %s that falls silent holds nobody up who asks the queue',
  async (scheme) => {
    await using server = await startFakeRedis(() => null);
    await using queue = openQueue(RedisUrl.parse(`${scheme}://127.0.0.1:${server.port}`));

    await expect(queue.isPaused()).rejects.toThrow('Command timed out');
  },
);

test.concurrent.for(['redis', 'redis+cluster'])(
  'a %s that is lost holds nobody up who asks the queue',
  async (scheme) => {
    const server = await startFakeRedis(() => ':0\r\n');
    await using queue = openQueue(RedisUrl.parse(`${scheme}://127.0.0.1:${server.port}`));
    expect(await queue.isPaused()).toBe(false);

    await server[Symbol.asyncDispose]();

    for (const _ of ['it is gone', 'it is known to be gone']) {
      await expect(queue.isPaused()).rejects.toThrow(/max retries|timed out|closed/);
    }
  },
);

test('a database that Redis does not have is refused whenever the queue is asked', async () => {
  await using server = await startFakeRedis(() => ':0\r\n');
  await using queue = openQueue(RedisUrl.parse(`redis://127.0.0.1:${server.port}/16`));

  for (let nth = 0; nth < 3; nth += 1) await expect(askQueue(queue)).rejects.toMatchObject({ code: 'ERR_DB_INDEX' });
});

test('a bug in a script of ours is one, also in the words of 6.2', async () => {
  await using server = await startFakeRedis(() => `${IN_SCRIPT}user_script:4: attempt to index nil\r\n`);
  const redis = connect('redis', server.port);

  const failed: unknown = await reserve(redis).catch((error: unknown) => error);
  redis.disconnect();
  expect(classifySlotError(failed)).toBe('unexpected');
});

test.for<[version: string, refusal: string]>([
  ['7', `-${READ_ONLY} script: ${SHA}, on @user_script:4.\r\n`],
  ['6.2', `${REFUSED_IN_SCRIPT}${READ_ONLY} \r\n`],
])('a master of version %s that was demoted is left for the new one', async ([, refusal]) => {
  await using server = await startFakeRedis(({ connection }) => (connection === 1 ? refusal : '+OK\r\n'));
  const redis = connect('redis', server.port);

  const failed: unknown = await reserve(redis).catch((error: unknown) => error);
  expect(classifySlotError(failed)).toBe('queue-unavailable');
  expect(await reserve(redis)).toBe('OK');
  expect(server.connections).toBe(2);
  redis.disconnect();
});
