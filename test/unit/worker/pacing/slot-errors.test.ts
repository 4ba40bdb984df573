import { ReplyError } from 'ioredis';
import { expect, test } from 'vitest';
import { isTransient, type Reason } from '#shared/contract/reasons.ts';
import { classifySlotError } from '../../../../src/worker/pacing/slot-errors.ts';

const failure = (code: string) => Object.assign(new Error('a driver says'), { code });
const reply = (message: string) => new (ReplyError as new (message: string) => Error)(message);
const IN_SCRIPT = `ERR Error running script (call to f_${'a'.repeat(40)}): @user_script:12: `;

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
  ['the same, in the words of 6.2', reply(`${IN_SCRIPT}user_script:12: attempt to index nil`), 'unexpected'],
  ['a script of ours takes a key for another', reply(`${IN_SCRIPT}WRONGTYPE Operation against a key`), 'unexpected'],
  ['a script that 6.2 does not know', reply(`${IN_SCRIPT}@user_script: 12: Unknown Redis command`), 'unexpected'],
  ...['OOM', 'READONLY', 'MISCONF', 'LOADING', 'CLUSTERDOWN', 'NOREPLICAS', 'MASTERDOWN'].map(
    (code): [string, Error, Reason] => [
      `${code} inside of a script, in the words of 6.2`,
      reply(`${IN_SCRIPT}@user_script: 12: -${code} as Redis explains`),
      'queue-unavailable',
    ],
  ),
  ['Redis is slow', new Error('Command timed out'), 'queue-unavailable'],
  ['Redis was closed', new Error('Connection is closed.'), 'queue-unavailable'],
  [
    'Redis cannot be reached',
    new Error('Reached the max retries per request limit (which is 1).'),
    'queue-unavailable',
  ],
  ...[
    'Command aborted due to connection close',
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Too many Cluster redirections. Last error: ReplyError: MOVED 1 127.0.0.1:7001',
    'None of startup nodes is available',
    'Cluster is ended.',
    'Cluster is disconnected.',
    'Cluster is disconnecting.',
    "Cluster isn't ready and enableOfflineQueue options is false",
    'Failed to refresh slots cache.',
    'Node is disconnected',
    'All sentinels are unreachable and retry is disabled.',
    'Unknown RESP type 72 "H". Please report this.',
  ].flatMap((message): [string, Error, Reason][] => [
    [message, new Error(message), 'queue-unavailable'],
    [`${message} (aborted)`, Object.assign(new Error(message), { name: 'AbortError' }), 'queue-unavailable'],
  ]),
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
