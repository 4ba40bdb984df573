import { expect, vi } from 'vitest';
import { inFlip, LATER_SHAPE, LATER_TABLE, openGranter, rowsOf, tally } from '../support/own-tables.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { platformTest as test } from '../support/worker.ts';

test('thirty tenants with a database each: five are open at a time, and the idle ones are closed', async ({
  produce,
  databaseUrl,
}) => {
  const own = new URL(databaseUrl).pathname.slice(1);
  const names = Array.from({ length: 30 }, (_, n) => `${own}_${n}`);
  for (const name of names) {
    await execute(withDatabase(databaseUrl, 'postgres'), `create database ${name}`);
    await execute(withDatabase(databaseUrl, name), LATER_SHAPE);
  }
  const seeds = Array.from({ length: 4 }, (_, n) => ({ email: `person${n}@example.org` }));
  await produce({
    tenants: names.map((name) => ({
      id: name,
      grants: inFlip(LATER_TABLE, { databaseUrlEnv: name.toUpperCase() }),
      seeds,
    })),
  });
  await using granter = await openGranter(databaseUrl, {
    urlOf: (name) => ({ url: withDatabase(databaseUrl, name.toLowerCase()) }),
    limits: { databases: 5, connectionsEach: 2, idleMs: 300 },
  });

  let most = { databases: 0, connections: 0 };
  const watch = setInterval(async () => {
    const now = await openNow(databaseUrl, own);
    most = {
      databases: Math.max(most.databases, now.databases),
      connections: Math.max(most.connections, now.connections),
    };
  }, 20);
  expect(tally(await granter.grant())).toEqual({ granted: 120 });
  clearInterval(watch);

  for (const name of names) expect(await rowsOf(withDatabase(databaseUrl, name))).toHaveLength(4);
  expect(most.databases).toBeGreaterThan(1);
  expect(most.databases).toBeLessThanOrEqual(5);
  expect(most.connections).toBeLessThanOrEqual(10);
  await vi.waitFor(async () => expect(await openNow(databaseUrl, own)).toEqual({ databases: 0, connections: 0 }), {
    timeout: 5_000,
  });
  for (const name of names) await execute(withDatabase(databaseUrl, 'postgres'), `drop database ${name} with (force)`);
});

test('a schema per tenant in one database', async ({ produce, databaseUrl }) => {
  const schemas = Array.from({ length: 20 }, (_, n) => `tenant_${n}`);
  for (const schema of schemas) await execute(databaseUrl, LATER_SHAPE.replaceAll(/\bflip\b/g, schema));
  await produce({
    tenants: schemas.map((schema) => ({
      id: schema,
      grants: { schema, table: { ...LATER_TABLE, roles: {} } },
      seeds: [{ email: 'ada@example.org', roles: ['admin', 'researcher'] as const }],
    })),
  });
  await using granter = await openGranter(databaseUrl);

  expect(tally(await granter.grant())).toEqual({ granted: 20 });

  for (const schema of schemas) expect(await rowsOf(databaseUrl, 'role_id', `${schema}.user_role`)).toHaveLength(2);
});

/** What rolecall holds of the databases that begin with this name, which is the ledger's own. */
async function openNow(databaseUrl: string, own: string) {
  const [row] = await execute<{ databases: number; connections: number }>(
    databaseUrl,
    `select count(distinct datname)::int as databases, count(*)::int as connections from pg_stat_activity
     where datname like $1 || '\\_%' and application_name = 'rolecall'`,
    [own],
  );
  return row ?? { databases: 0, connections: 0 };
}
