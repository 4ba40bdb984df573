import { expect, test } from 'vitest';
import { ConfigError, httpEnv, ledgerEnv, parseEnv, parseTogether, whole, type Env } from '#shared/config/env.ts';

const SHAPE = { ...ledgerEnv, ...httpEnv, LIMIT: whole({ from: 1, to: 9, byDefault: 5 }) };

test('defaults apply where nothing is set', () => {
  expect(parseEnv(SHAPE, { DATABASE_URL: 'postgres://h/d', HOST: '', LIMIT: undefined })).toEqual({
    DATABASE_URL: 'postgres://h/d',
    HOST: '127.0.0.1',
    PORT: 3000,
    LOG_LEVEL: 'info',
    LIMIT: 5,
  });
});

test('all problems are told at once, each with its variable, and none with its value', () => {
  const env = { PORT: 's3cret', LOG_LEVEL: 's3cret', LIMIT: '10' };
  expect(() => parseEnv(SHAPE, env)).toThrow(ConfigError);
  expect(() => parseEnv(SHAPE, env)).toThrow(
    /DATABASE_URL: not set\n {2}LOG_LEVEL: .*\n {2}PORT: expected a whole number from 0 to 65535\n {2}LIMIT: expected a whole number from 1 to 9$/,
  );
  expect(() => parseEnv(SHAPE, env)).not.toThrow('s3cret');
});

test('the problems of several parts are told at once, and what they share once', () => {
  const parts = {
    worker: (env: Env) => parseEnv({ ...ledgerEnv, LIMIT: SHAPE.LIMIT }, env),
    server: (env: Env) => parseEnv({ ...ledgerEnv, ...httpEnv }, env),
  };
  expect(parseTogether({ DATABASE_URL: 'postgres://h/d' }, parts)).toMatchObject({ worker: { LIMIT: 5 } });
  expect(() => parseTogether({ PORT: 'x', LIMIT: 'x' }, parts)).toThrow(
    /^the environment cannot be used:\n {2}DATABASE_URL: not set\n {2}LIMIT: .*\n {2}PORT: [^\n]*$/,
  );
});

test.for(['0', '10', '-1', '1.5', '1e0', ' 5', '5 ', '0x5', 'NaN', '٣'])(
  '"%s" is no whole number from 1 to 9',
  (text) => {
    expect(() => parseEnv({ LIMIT: SHAPE.LIMIT }, { LIMIT: text })).toThrow(
      'LIMIT: expected a whole number from 1 to 9',
    );
  },
);
