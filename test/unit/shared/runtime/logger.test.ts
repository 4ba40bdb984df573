import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLogger, describeError, logLevelOf, redact } from '#shared/runtime/logger.ts';

test('an email in a message is masked, and nothing else of it', () => {
  expect(redact('no user ada@example.org in the pool')).toBe('no user [redacted] in the pool');
});

test.for([
  ['Key (email)=(ada@example.org) already exists', 'ada'],
  ["o'brien@example.org", 'brien'],
  ['(ada)@example.org', 'ada'],
  ['a=b@example.org', 'a=b'],
  ['postgres://ada:s3cret@db.example.org/x', 's3cret'],
  ['postgres://ada:s3@cret@db.example.org/x', 'cret'],
  ['connect to redis://:s3cret@cache failed', 's3cret'],
  ['a@b.org,c@d.org', 'c@d'],
])('%s: masked', ([text = '', hidden = '']) => {
  expect(redact(text)).not.toContain(hidden);
});

test.for(['a•••n@example.org', '•••@example.org', 'the queue does not answer', 'http://127.0.0.1:3000/board', 'r1-s2'])(
  '%s may be said',
  (text) => {
    expect(redact(text)).toBe(text);
  },
);

test('whatever is logged, a line is JSON and holds no email', () => {
  const lines: string[] = [];
  const log = createLogger('info', (line) => lines.push(line));
  const name = fc.stringMatching(/^[a-z]{4,12}$/);
  const around = fc.oneof(fc.string(), fc.constantFrom('\n', '\t', '"', '\\', '\u001b', '{"x":"', '\ud800'));
  fc.assert(
    fc.property(around, name, around, (before, local, after) => {
      lines.length = 0;
      log.info(
        { email: `${before} ${local}@example.org ${after}`, nested: [`\n${local}@example.org`] },
        `${local}@example.org`,
      );
      expect(() => JSON.parse(lines[0] ?? '')).not.toThrow();
      expect(lines[0]).not.toContain(`${local}@`);
    }),
  );
});

test('a level that does not exist is refused elsewhere, and does not keep anybody from logging', () => {
  const levels = ['debug', 'loud', '', undefined].map((LOG_LEVEL) => logLevelOf({ LOG_LEVEL }));
  expect(levels).toEqual(['debug', 'info', 'info', 'info']);
});

test('of an error, only its class and codes are told', () => {
  const error = Object.assign(new Error('no user ada@example.org'), {
    code: 'ECONNRESET',
    $metadata: { httpStatusCode: 400, requestId: 'r-1' },
  });
  expect(describeError(error)).toEqual({ name: 'Error', code: 'ECONNRESET', status: 400, requestId: 'r-1' });
  expect(describeError(Symbol('ada@example.org'))).toEqual({ name: 'symbol' });
});

test('what explains itself in words is told as it stands, without an email', () => {
  expect(describeError('others were not answered either')).toEqual({ message: 'others were not answered either' });
  expect(describeError('ada@example.org')).toEqual({ message: '[redacted]' });
});

test('of an error of PostgreSQL the names of a table are shown, and not what a trigger raised', () => {
  const refusal = {
    code: '23514',
    schema: 'flip',
    table: 'user_role',
    constraint: 'only_staff',
    detail: 'ada@example.org',
  };
  expect(describeError(Object.assign(new Error('ada@example.org'), refusal))).toMatchObject({
    code: '23514',
    table: 'user_role',
    constraint: 'only_staff',
  });
  const raised = describeError(Object.assign(new Error('no'), { code: 'P0001', constraint: 'ada@example.org' }));
  expect(JSON.stringify(raised)).not.toContain('ada');
});
