import { expect, test } from 'vitest';
import { ConfigError } from '#shared/config/env.ts';
import { parseWorkerConfig } from '../../../src/worker/worker-config.ts';

const DATABASE_URL = 'postgres://rolecall:secret@db.example.org/rolecall';

test('a database is all that a worker needs to be told', () => {
  expect(parseWorkerConfig({ DATABASE_URL })).toMatchObject({
    queue: { kind: 'postgres', url: DATABASE_URL },
    http: { host: '127.0.0.1', port: 3000 },
    concurrency: 10,
    timing: { backoff: { baseMs: 1_000, capMs: 300_000 }, recheckMs: 3_000, waitMs: 60_000 },
    stsEndpointIsConfigured: false,
  });
});

test('an empty variable counts as absent', () => {
  expect(parseWorkerConfig({ DATABASE_URL, REDIS_URL: '', ROLECALL_CONCURRENCY: '' })).toMatchObject({
    queue: { kind: 'postgres' },
    concurrency: 10,
  });
});

test('all problems are told at once, and no value is', () => {
  const env = {
    DATABASE_URL: 'mysql://u:secret-1@h/d',
    REDIS_URL: 'http://secret-2',
    ROLECALL_CONCURRENCY: 'secret-3',
  };
  const told = refusal(() => parseWorkerConfig(env));
  expect(told).toContain('DATABASE_URL');
  expect(told).toContain('REDIS_URL');
  expect(told).toContain('ROLECALL_CONCURRENCY: expected a whole number from 1 to 200');
  expect(told).not.toContain('secret');
});

test('a base above the cap is refused', () => {
  const env = { DATABASE_URL, PORT: 'x', ROLECALL_RETRY_BASE_MS: '20', ROLECALL_RETRY_CAP_MS: '10' };
  expect(refusal(() => parseWorkerConfig(env))).toContain('PORT: expected');
  expect(refusal(() => parseWorkerConfig(env))).toContain('ROLECALL_RETRY_BASE_MS: is above ROLECALL_RETRY_CAP_MS');
});

test("a tenant's database is found by the name of its variable, and only when it is one", () => {
  const { databaseUrl } = parseWorkerConfig({ DATABASE_URL, FLIP_URL: DATABASE_URL, HOME: '/root', EMPTY: '' });
  expect(['DATABASE_URL', 'FLIP_URL', 'HOME', 'EMPTY', 'ABSENT'].map(databaseUrl)).toEqual([
    { url: DATABASE_URL },
    { url: DATABASE_URL },
    { problem: expect.stringMatching(/^expected postgres:/) },
    { problem: 'not set' },
    { problem: 'not set' },
  ]);
});

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}
