import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, inject, vi } from 'vitest';
import { createLogger } from '#shared/runtime/logger.ts';
import { startOpsApp } from '../../src/ops/ops-app.ts';
import { parseOpsConfig } from '../../src/ops/ops-config.ts';
import { waitForGate } from '../../src/ops/wait-for-gate.ts';
import { untilCounts, untilStates } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { platformOn } from '../support/worker.ts';

const DEPLOY = readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8');

/** The users that deploy.md creates, of this test alone, and what it lets them do. */
function documentedSql(database: string, mark: string): string[] {
  return [...DEPLOY.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, statements = '']) =>
    statements
      .replaceAll(/\brolecall_(producer|worker|ops)\b/g, `rolecall_$1_${mark}`)
      .replaceAll('on database app', `on database ${database}`)
      .replaceAll(`'…'`, `'password'`),
  );
}

platformOn('redis').skipIf(inject('redisUrl') === null)(
  'producer, worker and ops do with the rights of deploy.md, retention included',
  async ({ produce, work, cognito, env, onTestFinished }) => {
    const mark = randomBytes(4).toString('hex');
    const database = `least_${mark}`;
    const admin = withDatabase(inject('adminUrl'), database);
    await execute(inject('adminUrl'), `create database ${database}`);
    onTestFinished(async () => {
      await execute(inject('adminUrl'), `drop database ${database} with (force)`);
      for (const part of ['producer', 'worker', 'ops']) {
        await execute(inject('adminUrl'), `drop role if exists rolecall_${part}_${mark}`);
      }
    });
    const as = (part: string) => {
      const url = new URL(admin);
      url.username = `rolecall_${part}_${mark}`;
      url.password = 'password';
      return { DATABASE_URL: url.href };
    };
    const [asAdministrator = '', asProducer = ''] = documentedSql(database, mark);
    const sketch = { tenants: [{ grants: { schema: 'grants' }, seeds: ['ada@example.org'] }] };
    cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });

    await execute(admin, asAdministrator);
    await produce(sketch, 'v1', as('producer'));
    await execute(as('producer').DATABASE_URL, asProducer);
    await produce(sketch, 'v2', as('producer'));
    await execute(admin, `update rolecall.release set superseded_at = now() - interval '31 days' where run = 1`);
    const worker = await work(as('worker'));

    await untilStates(admin, { 'ada@example.org': 'granted' });
    await vi.waitFor(async () => {
      expect(await execute(admin, 'select run::int from rolecall.seed')).toEqual([{ run: 2 }]);
      expect(await execute(admin, 'select run::int from rolecall.release_tenant')).toEqual([{ run: 2 }]);
      expect(await execute(admin, 'select run::int, state, delta from rolecall.seed_tally')).toEqual([
        { run: 2, state: 'granted', delta: 1 },
      ]);
    }, 10_000);
    const printed: string[] = [];
    const gate = await waitForGate({
      env: { ...env, ...as('ops') },
      query: {},
      timeoutS: 0,
      signal: new AbortController().signal,
      out: (text) => printed.push(text),
      json: false,
    });
    expect([gate, printed]).toEqual([0, [expect.stringContaining('gate: open')]]);
    expect(worker.lines.filter((line) => line.includes('the next round tries again'))).toEqual([]);
  },
);

const redisTest = platformOn('redis')
  .extend('redisUser', async ({ redisUrl = '' }, { onCleanup }) => {
    const name = `rolecall_${randomBytes(4).toString('hex')}`;
    const [, documented = ''] = /^ACL SETUSER \S+ (.*)$/m.exec(DEPLOY) ?? [];
    const redis = new Redis(redisUrl);
    onCleanup(async () => {
      await redis.acl('DELUSER', name);
      redis.disconnect();
    });
    /** The user that deploy.md creates, without some of its rights. */
    return async (...without: string[]) => {
      const rules = documented.replace('>…', '>password').split(' ');
      await redis.acl('SETUSER', name, ...rules.filter((rule) => !without.includes(rule)));
      return { REDIS_URL: Object.assign(new URL(redisUrl), { username: name, password: 'password' }).href };
    };
  })
  .skipIf(inject('redisUrl') === null);

redisTest(
  'all parts do with the user of Redis of deploy.md: paced, retried on the board, superseded',
  async ({ produce, work, cognito, env, queue, databaseUrl, redisUser }) => {
    const as = await redisUser();
    const [missing = '', ...others] = people(12);
    const users = others.map((email) => ({ email }));
    cognito.addPool({ id: POOL, users, estimatedNumberOfUsers: 1_000_000 }); // so that each is asked for, in turn
    const sketch = { tenants: [{ requestsPerSecond: 10, seeds: [missing, ...others] }] };

    await produce(sketch, 'v1', as);
    await using worker = await work(as); // it stops before its user is gone
    await untilCounts(databaseUrl, { granted: 11, blocked: 1 });
    await using ops = await startOpsApp({
      config: parseOpsConfig({ ...env, ...as, PORT: '0' }),
      log: createLogger('silent'),
    });
    const ask = async (path: string, method = 'GET') => (await fetch(new URL(path, ops.url), { method })).status;
    const failed = '/board/api/queues?activeQueue=rolecall&status=failed&page=1&jobsPerPage=10';
    await expect.poll(() => queue.getFailedCount()).toBe(1);
    expect([await ask('/readyz'), await ask(failed), await ask('/')]).toEqual([200, 200, 200]);

    cognito.addPool({ id: POOL, users: [{ email: missing }, ...users], estimatedNumberOfUsers: 1_000_000 });
    expect(await ask('/board/api/queues/rolecall/retry/failed', 'PUT')).toBe(200);
    await untilCounts(databaseUrl, { granted: 12 });
    await produce(sketch, 'v2', as);

    await untilCounts(databaseUrl, { granted: 12 });
    expect(worker.lines.filter((line) => /NOPERM|the next round tries again/.test(line))).toEqual([]);
  },
);

redisTest(
  'a worker whose user of Redis may not run what a script wants says so when it starts',
  async ({ work, redisUser }) => {
    await expect(work(await redisUser('+time'))).rejects.toThrow(
      'Redis (REDIS_URL) refuses: the user lacks a right (NOPERM)',
    );
  },
);
