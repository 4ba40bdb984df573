import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, vi } from 'vitest';
import { waitForGate } from '../../src/ops/wait-for-gate.ts';
import { untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
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
