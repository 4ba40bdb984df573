import { expect, test } from 'vitest';
import { codeOf } from '#shared/errors/code-of.ts';

const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

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
