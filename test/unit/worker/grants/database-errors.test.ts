import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isReason, type Reason } from '#shared/contract/reasons.ts';
import { classifyDatabaseError, isDatabaseAway } from '../../../../src/worker/grants/database-errors.ts';

const failure = (code: unknown, message = '') => Object.assign(new Error(message), { code });

test.for<[what: string, error: unknown, reason: Reason]>([
  ['the connection broke', failure('08006'), 'database-unavailable'],
  ['an administrator ended the session', failure('57P01'), 'database-unavailable'],
  ['the server is starting', failure('57P03'), 'database-unavailable'],
  ['a statement took too long', failure('57014'), 'database-unavailable'],
  ['too many connections', failure('53300'), 'database-unavailable'],
  ['the disk is full', failure('53100'), 'database-unavailable'],
  ['a standby, in the middle of a failover', failure('25006'), 'database-unavailable'],
  ['a transaction took too long', failure('25P04'), 'database-unavailable'],
  ['nobody listens', failure('ECONNREFUSED'), 'database-unavailable'],
  ['the other end is gone while we write', failure('EPIPE'), 'database-unavailable'],
  ['the name does not resolve', failure('ENOTFOUND'), 'database-unavailable'],
  ['the driver lost the connection', failure(undefined, 'Connection terminated unexpectedly'), 'database-unavailable'],
  [
    'no connection of the pool was free',
    failure(undefined, 'timeout exceeded when trying to connect'),
    'database-unavailable',
  ],
  ['we close the pool', failure(undefined, 'Cannot use a pool after calling end on the pool'), 'database-unavailable'],
  ['we have closed it', failure(undefined, 'driver has already been destroyed'), 'database-unavailable'],
  ['a deadlock', failure('40P01'), 'database-conflict'],
  ['a serialization failure', failure('40001'), 'database-conflict'],
  ['a lock that was not to be had', failure('55P03'), 'database-conflict'],
  ['a wrong password', failure('28P01'), 'database-refused'],
  ['no such database', failure('3D000'), 'database-refused'],
  ['a certificate that nobody trusts', failure('SELF_SIGNED_CERT_IN_CHAIN'), 'database-refused'],
  ['a certificate of another host', failure('ERR_TLS_CERT_ALTNAME_INVALID'), 'database-refused'],
  ['a server without TLS', failure(undefined, 'The server does not support SSL connections'), 'database-refused'],
  ['no such table', failure('42P01'), 'grants-table-missing'],
  ['no such schema', failure('3F000'), 'grants-table-missing'],
  ['no such column', failure('42703'), 'grants-table-missing'],
  ['no unique constraint that fits', failure('42P10'), 'grants-table-missing'],
  ['no right to write', failure('42501'), 'grants-not-writable'],
  ['no such role', failure('23503'), 'role-unknown'],
  ['another constraint', failure('23514'), 'grants-refused'],
  ['a trigger that raises', failure('P0001'), 'grants-refused'],
  ['a table with a rule', failure('0A000'), 'grants-refused'],
  ['a view that takes no rows', failure('55000'), 'grants-refused'],
  ['an SQLSTATE of a class that no row names', failure('XX000'), 'unexpected'],
  ['a bug of ours', new TypeError('x is not a function'), 'unexpected'],
  ['a code of Node for misuse', failure('ERR_INVALID_ARG_TYPE'), 'unexpected'],
  ['no error at all', 'nonsense', 'unexpected'],
])('%s', ([, error, reason]) => {
  expect(classifyDatabaseError(error)).toBe(reason);
});

test('whatever is thrown has a reason, and classifying never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.anything()), fc.string(), (code, message) => {
      expect(isReason(classifyDatabaseError(failure(code, message)))).toBe(true);
    }),
  );
  fc.assert(fc.property(fc.anything(), (value) => isReason(classifyDatabaseError(value))));
});

test.for<[what: string, error: unknown, away: boolean]>([
  ['nobody listens', failure('ECONNREFUSED'), true],
  ['the server is starting', failure('57P03'), true],
  ['the driver lost the connection', failure(undefined, 'Connection terminated unexpectedly'), true],
  ['a wrong password', failure('28P01'), true],
  ['a statement took too long, be it for one row', failure('57014'), false],
  ['more locks than there is room for', failure('53200'), false],
  ['no connection left', failure('53300'), true],
  ['more locks than there is room for', failure('53200'), false],
  ['no connection left', failure('53300'), true],
  ['a lock that was not to be had', failure('55P03'), false],
  ['a deadlock', failure('40P01'), false],
  ['no such role', failure('23503'), false],
  ['no such table', failure('42P01'), false],
  ['a bug', new TypeError('no'), false],
])('%s: whether the database is away', ([, error, away]) => {
  expect(isDatabaseAway(error)).toBe(away);
});
