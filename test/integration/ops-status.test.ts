import { sql } from '@mikro-orm/postgresql';
import { expect } from 'vitest';
import { UsageError, type CommandIo } from '#shared/runtime/command.ts';
import { createLogger } from '#shared/runtime/logger.ts';
import { UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { statusCommand } from '../../src/ops/status.command.ts';
import { databaseTest as test } from '../support/database.ts';
import { freePort } from '../../demo/free-port.ts';
import { recordedRun } from '../support/recorded-run.ts';

async function status(env: CommandIo['env'], options: Record<string, unknown> = {}, fancy = false) {
  const printed: string[] = [];
  const code = await statusCommand.run(options, {
    env,
    out: (text) => printed.push(text),
    say: () => {},
    log: createLogger('silent'),
    signal: new AbortController().signal,
    fancy,
  });
  return { code, text: printed.join('\n') };
}

test('every seed stands in an aligned table, by its label', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, {
    seeds: [
      { tenant: 'north', email: 'annabel@example.org', state: 'blocked', reason: 'user-missing' },
      { tenant: 'a', email: 'bo@example.org', state: 'granted' },
    ],
  });
  const { code, text } = await status({ DATABASE_URL: databaseUrl });

  expect(code).toBe(0);
  expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
    'TENANT  SEED               ROLES  STATE       REASON                   ATTEMPTS  NEXT ATTEMPT',
    'a       •••@example.org    admin  granted                                     0',
    'north   a•••l@example.org  admin  blocked     user-missing                    0',
  ]);
});

test('emails are shown to whoever asks for them', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ email: 'annabel@example.org', state: 'granted' }] });
  const env = { DATABASE_URL: databaseUrl };

  expect((await status(env, { emails: true })).text).toContain('annabel@example.org');
  expect((await status(env, { json: true })).text).not.toContain('annabel');
});

test('JSON is one document, in which a retry tells its next attempt', async ({ ledger, databaseUrl }) => {
  const { run } = await recordedRun(ledger, {
    seeds: [{ state: 'retrying', reason: 'throttled' }, { state: 'granted' }],
  });
  await ledger.em.execute(sql`
    update rolecall.seed set attempts = 3, next_attempt_at = '2030-01-02 03:04:05Z' where state = 'retrying'`);

  const { text } = await status({ DATABASE_URL: databaseUrl }, { json: true, state: 'retrying' });

  expect(JSON.parse(text)).toEqual({
    name: 'flip',
    release: 'r1',
    run,
    seeds: [
      {
        tenant: 'flip',
        who: 'p•••0@example.org',
        roles: ['admin'],
        state: 'retrying',
        reason: 'throttled',
        attempts: 3,
        nextAttemptAt: '2030-01-02T03:04:05Z',
      },
    ],
  });
});

test('more seeds than one page holds are listed, each once', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
  await ledger.em.execute(sql`
    insert into rolecall.seed (run, tenant, email, label, roles, on_missing, ordinal, state)
    select run, tenant || i % 3, 'P' || i || '@example.org', label, roles, on_missing, i, state
    from rolecall.seed, generate_series(1, 2500) as i`);

  const { text } = await status({ DATABASE_URL: databaseUrl }, { json: true, emails: true });

  const { seeds } = JSON.parse(text) as { seeds: { who: string }[] };
  expect(seeds).toHaveLength(2501);
  expect(new Set(seeds.map(({ who }) => who)).size).toBe(2501);
});

test('one tenant, one state, no seed, no release', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl };
  expect(await status(env)).toEqual({ code: 4, text: '' });
  await recordedRun(ledger, {
    seeds: [
      { tenant: 'a', state: 'granted' },
      { tenant: 'b', state: 'pending' },
    ],
  });

  expect((await status(env, { tenant: 'a' })).text.split('\n')).toHaveLength(2);
  expect((await status(env, { tenant: 'a', state: 'pending' })).text.split('\n')).toHaveLength(1);
  expect(JSON.parse((await status(env, { state: 'blocked', json: true })).text)).toMatchObject({ seeds: [] });
  expect(await status(env, { tenant: 'c', json: true })).toEqual({ code: 4, text: '' });
  expect((await status(env, { release: 'r9' })).code).toBe(4);
  expect((await status({ ...env, ROLECALL_RELEASE: 'r9' })).code).toBe(4);
});

test('colour is for terminals', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'blocked', reason: 'user-missing' }] });
  const env = { DATABASE_URL: databaseUrl };

  expect((await status(env)).text).not.toContain('\u001B[');
  expect((await status(env, {}, true)).text).toContain('\u001B[31mblocked');
});

test('where several manifests are current, one must be named', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
  await recordedRun(ledger, { name: 'other', seeds: [{ state: 'pending' }] });
  const env = { DATABASE_URL: databaseUrl };

  await expect(status(env)).rejects.toThrow(UsageError);
  expect((await status(env, { name: 'other' })).text).toContain('pending');
});

test('a ledger that is away is told', async () => {
  await expect(status({ DATABASE_URL: `postgres://user@127.0.0.1:${await freePort()}/x` })).rejects.toThrow(
    UnreachableError,
  );
});
