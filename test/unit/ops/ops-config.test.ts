import { expect, test } from 'vitest';
import { ConfigError } from '#shared/config/env.ts';
import { parseLedgerConfig, parseOpsConfig } from '../../../src/ops/ops-config.ts';

const DATABASE_URL = 'postgres://user:password@db/rolecall';
const LOGIN = { ROLECALL_BOARD_USER: 'ops', ROLECALL_BOARD_PASSWORD: 's3cret' };

test('the ledger alone is enough: the board is for this machine, the queue is in PostgreSQL', () => {
  expect(parseOpsConfig({ DATABASE_URL })).toMatchObject({
    queue: { kind: 'postgres', url: DATABASE_URL },
    http: { host: '127.0.0.1', port: 3000 },
    release: undefined,
    board: { kind: 'loopback', mode: 'replay' },
  });
});

test('a host that others reach has no board without a login', () => {
  expect(parseOpsConfig({ DATABASE_URL, HOST: '0.0.0.0' }).board).toEqual({ kind: 'none' });
  expect(parseOpsConfig({ DATABASE_URL, HOST: '0.0.0.0', ...LOGIN, ROLECALL_BOARD_MODE: 'read' }).board).toEqual({
    kind: 'login',
    user: 'ops',
    password: 's3cret',
    mode: 'read',
  });
});

test.for(['ROLECALL_BOARD_USER', 'ROLECALL_BOARD_PASSWORD'] as const)('half a login is a mistake: %s', (name) => {
  const parse = () => parseOpsConfig({ [name]: LOGIN[name] });
  expect(parse).toThrow(ConfigError);
  expect(parse).toThrow(
    /DATABASE_URL: not set\n {2}ROLECALL_BOARD_\w+: not set, and the other half of the board's login is$/,
  );
});

test('a user with a colon could never log in', () => {
  expect(() => parseOpsConfig({ DATABASE_URL, ...LOGIN, ROLECALL_BOARD_USER: 'a:b' })).toThrow(/ROLECALL_BOARD_USER/);
});

test('all problems are told at once, and no value', () => {
  const env = { REDIS_URL: 'redis://:pa55@', PORT: 'x', ROLECALL_BOARD_MODE: 'admin' };
  const parse = () => parseOpsConfig(env);

  expect(parse).toThrow(/DATABASE_URL[\s\S]*REDIS_URL[\s\S]*PORT[\s\S]*ROLECALL_BOARD_MODE/);
  expect(parse).not.toThrow(/pa55/);
});

test('the gate needs neither queue nor board', () => {
  const env = { DATABASE_URL, REDIS_URL: 'nonsense', ROLECALL_RELEASE: 'r1' };

  expect(parseLedgerConfig(env)).toMatchObject({ ledger: { url: DATABASE_URL }, release: 'r1' });
});
