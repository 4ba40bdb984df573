import { expect, test } from 'vitest';
import { codeOf, describeSilence, unreachable } from '#shared/runtime/wait-until-reachable.ts';

const failure = (code: string) => Object.assign(new Error('postgres://app:secret@db/app'), { code });
const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

test('who refuses is told apart from who does not answer, and why is said in words', () => {
  expect(unreachable('PostgreSQL (DATABASE_URL)', failure('28P01')).message).toBe(
    'PostgreSQL (DATABASE_URL) refuses: wrong user or password (28P01)',
  );
  expect(unreachable('PostgreSQL (DATABASE_URL)', failure('ECONNREFUSED')).message).toBe(
    'PostgreSQL (DATABASE_URL) cannot be reached (ECONNREFUSED)',
  );
  expect(describeSilence(failure('3D000'))).toBe(
    'the ledger (DATABASE_URL) refuses: there is no such database (3D000)',
  );
  expect(unreachable('Redis (REDIS_URL)', reply('NOAUTH Authentication required.')).message).toBe(
    'Redis (REDIS_URL) refuses: it wants a password (NOAUTH)',
  );
  expect(describeSilence(failure('57014'))).toBe('the ledger does not answer (57014)');
});

test('what has no code of its own is told by what happened', () => {
  const codes = [
    new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
    new Error('timeout exceeded when trying to connect'),
    reply('WRONGPASS invalid username-password pair or user is disabled.'),
    new Error('The server does not support SSL connections'),
    new TypeError('anything'),
    null,
  ].map(codeOf);
  expect(codes).toEqual(['ETIMEDOUT', 'ETIMEDOUT', 'WRONGPASS', 'ERR_NO_TLS', 'TypeError', 'unknown']);
});
