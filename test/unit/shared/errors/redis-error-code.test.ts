import { expect, test } from 'vitest';
import { redisErrorCode } from '#shared/errors/redis-error-code.ts';

const IN_SCRIPT = `ERR Error running script (call to f_${'a'.repeat(40)}): `;

test.for([
  ['NOAUTH Authentication required.', 'NOAUTH'],
  ["READONLY You can't write against a read only replica.", 'READONLY'],
  [`${IN_SCRIPT}@user_script: 12: -OOM command not allowed when used memory > 'maxmemory'.`, 'OOM'],
  [`${IN_SCRIPT}@user_script:12: user_script:12: attempt to index nil`, 'ERR'],
  ["NOPERM User rolecall has no permissions to run the 'time' command", 'NOPERM'],
  ["ERR The user executing the script can't run this command or subcommand script: abc, on @user_script:1.", 'NOPERM'],
  ["ERR ACL failure in script: User rolecall has no permissions to run the 'time' command", 'NOPERM'],
  [`${IN_SCRIPT}@user_script: 1: The user executing the script can't run this command or subcommand`, 'NOPERM'],
  ['something that Redis never says', 'ERR'],
])('%s', ([message = '', code]) => {
  expect(redisErrorCode(message)).toBe(code);
});
