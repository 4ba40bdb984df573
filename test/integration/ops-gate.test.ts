import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { sql } from '@mikro-orm/postgresql';
import { expect, inject } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { ManifestName, ReleaseId, TenantId } from '#shared/contract/ids.ts';
import { UsageError } from '#shared/runtime/command.ts';
import { waitForGate, type WaitForGateOptions } from '../../src/ops/wait-for-gate.ts';
import type { Gate } from '../../src/ops/gate/gate.ts';
import { databaseTest as test } from '../support/database.ts';
import { recordedRun, times } from '../support/recorded-run.ts';
import { execute } from '../support/sql.ts';

async function gateOf(env: Env, options: Partial<WaitForGateOptions> = {}) {
  const printed: string[] = [];
  const code = await waitForGate({
    env,
    query: {},
    timeoutS: 0,
    signal: new AbortController().signal,
    out: (text) => printed.push(text),
    json: true,
    ...options,
  });
  return { code, gate: JSON.parse(printed.join('')) as Gate };
}

const flip = ManifestName.parse('flip');
const r1 = ReleaseId.parse('r1');

test('a manifest name that is given up as the runbook says is current no more', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl };
  const states = ['granted', 'pending', 'blocked'] as const;
  await recordedRun(ledger, { name: 'flip', seeds: states.map((state) => ({ state })) });
  await recordedRun(ledger, { name: 'kept', seeds: [{ state: 'granted' }] });
  await expect(gateOf(env)).rejects.toThrow('several manifests fit');
  const runbook = await readFile(join(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
  const [, statement = ''] = /^```sql\n([\s\S]*?)^```/m.exec(runbook) ?? [];

  await execute(databaseUrl, statement);

  expect(await gateOf(env)).toMatchObject({ code: 0, gate: { state: 'open', name: 'kept' } });
  expect(await gateOf(env, { query: { name: flip } })).toMatchObject({ code: 4, gate: { state: 'unknown' } });
  expect(await execute(databaseUrl, `select state from rolecall.seed where run = 1 order by ordinal`)).toEqual(
    ['granted', 'superseded', 'superseded'].map((state) => ({ state })),
  );
});

test('the exit code says whether the current release may serve', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl };
  expect(await gateOf(env)).toMatchObject({ code: 4, gate: { state: 'unknown' } });

  const { run } = await recordedRun(ledger, { seeds: [{ state: 'granted' }, { state: 'pending' }] });
  expect(await gateOf(env)).toMatchObject({ code: 4, gate: { state: 'pending', run, release: 'r1', name: 'flip' } });

  await ledger.em.execute(sql`update rolecall.seed set state = 'granted'`);
  expect(await gateOf(env)).toMatchObject({ code: 0, gate: { state: 'open', counts: { granted: 2 } } });

  await ledger.em.execute(sql`update rolecall.seed set state = 'blocked', reason = 'user-missing' where ordinal = 1`);
  expect(await gateOf(env)).toMatchObject({
    code: 3,
    gate: { state: 'blocked', reasons: [{ tenant: 'flip', reason: 'user-missing', count: 1 }] },
  });
});

test('a release whose seeds were lost does not open', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { recorded: 3, seeds: times(2, { state: 'granted' }) });

  expect(await gateOf({ DATABASE_URL: databaseUrl })).toMatchObject({ code: 4, gate: { state: 'pending' } });
});

test('one tenant may be asked about, and an unheard-of one is closed', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl };
  await recordedRun(ledger, {
    seeds: [
      { tenant: 'north', state: 'granted' },
      { tenant: 'south', state: 'blocked', reason: 'access-denied' },
    ],
  });

  expect(await gateOf(env, { query: { tenant: TenantId.parse('north') } })).toMatchObject({ code: 0 });
  expect(await gateOf(env, { query: { tenant: TenantId.parse('south') } })).toMatchObject({ code: 3 });
  expect(await gateOf(env, { query: { tenant: TenantId.parse('west') } })).toMatchObject({
    code: 4,
    gate: { state: 'unknown', open: false },
  });
});

test('a release is asked about by its latest run', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl };
  await recordedRun(ledger, { superseded: true, seeds: [{ state: 'superseded' }] });
  await recordedRun(ledger, {
    release: 'r2',
    superseded: true,
    seeds: [{ state: 'granted' }, { state: 'superseded' }],
  });
  const rollback = await recordedRun(ledger, { seeds: [{ state: 'granted' }] });

  expect(await gateOf(env, { query: { release: r1 } })).toMatchObject({ code: 0, gate: { run: rollback.run } });
  expect(await gateOf(env, { query: { release: ReleaseId.parse('r2') } })).toMatchObject({
    code: 3,
    gate: { reasons: [{ reason: 'superseded', count: 1 }] },
  });
});

test('ROLECALL_RELEASE is meant unless another release is named', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl, ROLECALL_RELEASE: 'r2' };
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });

  expect(await gateOf(env)).toMatchObject({ code: 4, gate: { state: 'unknown', release: 'r2' } });
  // Not the current run of that name either: it is another release, and this one was never produced.
  expect(await gateOf(env, { query: { name: flip } })).toMatchObject({ code: 4, gate: { state: 'unknown' } });
  expect(await gateOf(env, { query: { release: r1 } })).toMatchObject({ code: 0 });
});

test('where several manifests fit, the question must name one', async ({ ledger, databaseUrl }) => {
  const env = { DATABASE_URL: databaseUrl };
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
  await recordedRun(ledger, { name: 'other', seeds: [{ state: 'pending' }] });

  await expect(gateOf(env)).rejects.toThrow(UsageError);
  await expect(gateOf(env)).rejects.toThrow('flip, other');
  await expect(gateOf(env, { query: { release: r1 }, timeoutS: 60 })).rejects.toThrow(UsageError);
  expect(await gateOf(env, { query: { name: flip, release: r1 } })).toMatchObject({ code: 0 });
});

test('a wait ends when the gate opens', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'pending' }] });
  const said: string[] = [];

  const waited = await gateOf(
    { DATABASE_URL: databaseUrl },
    {
      timeoutS: 60,
      say: (text) => {
        said.push(text);
        void ledger.em.execute(sql`update rolecall.seed set state = 'granted'`);
      },
    },
  );

  expect(waited).toMatchObject({ code: 0, gate: { state: 'open' } });
  expect(said).toEqual(['waiting: pending, pending 1']);
});

test('a wait may start before anything was migrated', async ({ databaseUrl, ledger }) => {
  await ledger.em.execute(sql`alter schema rolecall rename to not_yet`);
  const migrate = () => void ledger.em.execute(sql`alter schema not_yet rename to rolecall`).then(produce);
  const produce = () => recordedRun(ledger, { seeds: [{ state: 'blocked', reason: 'user-missing' }] });
  const said: string[] = [];

  const waited = await gateOf(
    { DATABASE_URL: databaseUrl },
    { timeoutS: 60, say: (text) => said.push(text) === 1 && migrate() },
  );

  expect(said[0]).toContain('nothing was ever produced');
  expect(waited).toMatchObject({ code: 3, gate: { state: 'blocked' } });
});

test('a wait ends with the process', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'pending' }] });
  const ending = new AbortController();

  const waited = await gateOf(
    { DATABASE_URL: databaseUrl },
    { timeoutS: 3600, signal: ending.signal, say: () => ending.abort() },
  );

  expect(waited).toMatchObject({ code: 4, gate: { state: 'pending' } });
});

test('a database that refuses or hangs closes the gate, in seconds', async () => {
  const hanging = createServer(() => {}).listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const { port } = hanging.address() as AddressInfo; // a TCP server's address is never a string
  const missing = new URL(inject('adminUrl'));
  missing.pathname = '/no_such_database';

  const [refused, silent] = await Promise.all([
    gateOf({ DATABASE_URL: missing.href }, { timeoutS: 1 }),
    gateOf({ DATABASE_URL: `postgres://user:password@127.0.0.1:${port}/ledger` }),
  ]);
  hanging.close();

  for (const answer of [refused, silent]) {
    expect(answer).toMatchObject({ code: 5, gate: { state: 'unknown', open: false } });
  }
}, 15_000);

test('a ledger that is locked closes the gate, in seconds', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });

  const locked = await ledger.em.transactional(async (em) => {
    await em.execute(sql`lock table rolecall.seed in access exclusive mode`);
    return gateOf({ DATABASE_URL: databaseUrl });
  });

  expect(locked).toMatchObject({ code: 5, gate: { state: 'unknown', open: false } });
}, 15_000);
