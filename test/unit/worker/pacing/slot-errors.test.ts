import { ReplyError } from 'ioredis';
import { expect, test } from 'vitest';
import { isTransient, type Reason } from '#shared/contract/reasons.ts';
import { classifySlotError } from '../../../../src/worker/pacing/slot-errors.ts';

const failure = (code: string) => Object.assign(new Error('a driver says'), { code });
const reply = (message: string) => new (ReplyError as new (message: string) => Error)(message);

test.for<[why: string, error: unknown, expected: Reason]>([
  ['Redis is being loaded', reply('LOADING Redis is loading the dataset in memory'), 'queue-unavailable'],
  ['Redis is a replica by now', reply("READONLY You can't write against a read only replica."), 'queue-unavailable'],
  ['Redis is full', reply("OOM command not allowed when used memory > 'maxmemory'."), 'queue-unavailable'],
  [
    'the user of Redis may not',
    reply("NOPERM this user has no permissions to run the 'evalsha' command"),
    'unexpected',
  ],
  ['a script of ours is wrong', reply('ERR user_script:12: Script attempted to access nil'), 'unexpected'],
  ['Redis is slow', new Error('Command timed out'), 'queue-unavailable'],
  ['Redis was closed', new Error('Connection is closed.'), 'queue-unavailable'],
  [
    'Redis cannot be reached',
    new Error('Reached the max retries per request limit (which is 1).'),
    'queue-unavailable',
  ],
  ['no connection to PostgreSQL', failure('ECONNREFUSED'), 'database-unavailable'],
  ['a deadlock', failure('40P01'), 'database-conflict'],
  ['no right to the tables of the slots, which is not the tenant’s fault', failure('42501'), 'unexpected'],
  ['the process shuts down', new DOMException('The operation was aborted', 'AbortError'), 'timeout'],
  ['something that is no error', 'oops', 'unexpected'],
])('%s', ([, error, expected]) => {
  expect(classifySlotError(error)).toBe(expected);
});

test('whoever waits for a slot while its worker shuts down is not blocked for it', async () => {
  const aborted = await import('node:timers/promises').then(({ setTimeout: sleep }) =>
    sleep(1_000, undefined, { signal: AbortSignal.abort() }).catch((error: unknown) => error),
  );
  expect(isTransient(classifySlotError(aborted))).toBe(true);
});
