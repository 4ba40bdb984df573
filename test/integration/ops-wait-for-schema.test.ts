import { sql } from '@mikro-orm/postgresql';
import { expect, vi } from 'vitest';
import { openLedger } from '#shared/ledger/ledger.ts';
import { waitForSchema } from '#shared/ledger/wait-for-schema.ts';
import { queueSchemaVersion } from '#shared/queue/open-queue.ts';
import { UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { freePort } from '../../demo/free-port.ts';
import { databaseTest as test } from '../support/database.ts';

const version = queueSchemaVersion({ kind: 'postgres', url: '' });

test('a migrated database is taken at once', async ({ ledger }) => {
  await expect(waitForSchema(ledger, { queueSchemaVersion: version, boundMs: 5_000 })).resolves.toBeUndefined();
});

test('who starts before the producer waits for its migrations, and says so once', async ({ ledger }) => {
  await ledger.em.execute(sql`alter schema rolecall rename to not_yet`);
  const told = vi.fn<(problem: string) => void>();
  const waiting = waitForSchema(ledger, { queueSchemaVersion: version, boundMs: 30_000, waiting: told });
  await vi.waitFor(() => expect(told).toHaveBeenCalled());

  await ledger.em.execute(sql`alter schema not_yet rename to rolecall`);

  await expect(waiting).resolves.toBeUndefined();
  expect(told.mock.calls).toEqual([[expect.stringContaining('rolecall migrate')]]);
});

test.for<[what: string, statement: string]>([
  ['the ledger', 'drop schema rolecall cascade'],
  ['a migration that this version knows', 'delete from rolecall.migration'],
  ['the tables of the queue', 'drop schema bullmq cascade'],
  ['a migration of the queue', 'delete from bullmq.migration'],
])('without %s the wait ends with what to run', async ([, statement], { ledger }) => {
  await ledger.em.execute(statement);

  const waiting = waitForSchema(ledger, { queueSchemaVersion: version, boundMs: 700 });

  await expect(waiting).rejects.toThrow(UnreachableError);
  await expect(waiting).rejects.toThrow('rolecall migrate');
});

test('a queue on Redis needs no tables', async ({ ledger }) => {
  await ledger.em.execute(sql`drop schema bullmq cascade`);

  await expect(waitForSchema(ledger, { queueSchemaVersion: null, boundMs: 700 })).resolves.toBeUndefined();
});

test('a database that is away is told by its code, and a stop ends the wait', async () => {
  await using away = await openLedger({ url: `postgres://u@127.0.0.1:${await freePort()}/x`, maxConnections: 1 });
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);

  await expect(waitForSchema(away, { queueSchemaVersion: null, boundMs: 30_000, signal: stop.signal })).rejects.toThrow(
    expect.objectContaining({ name: 'AbortError' }),
  );
  await expect(waitForSchema(away, { queueSchemaVersion: null, boundMs: 300 })).rejects.toThrow('(ECONNREFUSED)');
});
