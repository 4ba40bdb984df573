import { describe, expect } from 'vitest';
import { auditOf } from '../support/ledger.ts';
import { ADMIN, people, RESEARCHER, type SeedSketch } from '../support/manifest.ts';
import {
  FIRST_SHAPE,
  FIRST_TABLE,
  inFlip,
  LATER_SHAPE,
  LATER_TABLE,
  openGranter,
  subOf,
  tally,
} from '../support/own-tables.ts';
import { execute } from '../support/sql.ts';
import { platformTest } from '../support/worker.ts';

const WORKERS = ['a', 'b', 'c', 'd'];
const TRUST = '0b1c7f3e-1111-4222-8333-444455556666';

/** What a database may set for whoever does not say which level it needs. */
const REPEATABLE_READ = `do $$ begin execute format(
  'alter database %I set default_transaction_isolation to %L', current_database(), 'repeatable read'); end $$`;

describe.for<[name: string, shape: string, table: object, scope?: string]>([
  ['the first tables, which no index guards', FIRST_SHAPE, FIRST_TABLE],
  ['the first tables, where transactions see no news', `${FIRST_SHAPE}; ${REPEATABLE_READ}`, FIRST_TABLE],
  [
    'the first tables, with an index added',
    `${FIRST_SHAPE}; create unique index on flip.user_role (user_id, role_id)`,
    FIRST_TABLE,
  ],
  ['the later tables, everywhere', LATER_SHAPE, LATER_TABLE],
  ['the later tables, within a trust', LATER_SHAPE, LATER_TABLE, TRUST],
  [
    'the later tables with one index, to which nulls are equal',
    `${LATER_SHAPE.replaceAll(/create unique.*$/gm, '')}
     create unique index on flip.user_role (user_id, role_id, trust_id) nulls not distinct`,
    LATER_TABLE,
  ],
  ['the later tables without their indexes', LATER_SHAPE.replaceAll(/create unique.*$/gm, ''), LATER_TABLE],
])('four workers race on %s', ([, shape, table, scope]) => {
  const within = (role: 'admin' | 'researcher') => (scope === undefined ? role : { role, scope });

  platformTest(
    'for 200 grants: each is made once, and stands in the audit trail once',
    async ({ produce, databaseUrl }) => {
      await execute(databaseUrl, shape);
      // Each worker has a tenant of its own that wants the same: no two of them share a seed, whose lock would settle it.
      const seeds = people(100).map((email): SeedSketch => ({ email, roles: [within('admin'), within('researcher')] }));
      await produce({ tenants: WORKERS.map((id) => ({ id, grants: inFlip(table), seeds })) });

      expect(await race(databaseUrl)).toEqual({ granted: 400 });

      const rows = await execute(databaseUrl, 'select distinct user_id, role_id from flip.user_role');
      expect(await countRows(databaseUrl)).toBe(200);
      expect(rows).toHaveLength(200);
      expect(await auditOf(databaseUrl)).toHaveLength(200);
    },
  );

  platformTest(
    'to bootstrap 200 users: each gets one role, and who holds one keeps it',
    async ({ produce, databaseUrl }) => {
      await execute(databaseUrl, shape);
      const emails = people(200);
      // An administrator has made a change for every fourth of them.
      const changed = emails.filter((_, n) => n % 4 === 0);
      const trust = scope === undefined ? '' : ', trust_id';
      for (const email of changed) {
        await execute(
          databaseUrl,
          `insert into flip.user_role (id, user_id, role_id${trust}) values (gen_random_uuid(), $1, $2${scope ? `, '${scope}'` : ''})`,
          [subOf(email), RESEARCHER],
        );
      }
      await produce({
        tenants: WORKERS.map((id, n) => ({
          id,
          grants: inFlip(table, { mode: 'bootstrap' }),
          seeds: emails.map((email) => ({ email, roles: [within(n % 2 === 0 ? 'admin' : 'researcher')] })),
        })),
      });

      expect(await race(databaseUrl)).toEqual({ granted: 800 });

      expect(await countRows(databaseUrl)).toBe(200);
      expect(await execute(databaseUrl, 'select distinct user_id from flip.user_role')).toHaveLength(200);
      const kept = await execute(databaseUrl, 'select 1 from flip.user_role where user_id = any($1) and role_id = $2', [
        changed.map(subOf),
        ADMIN,
      ]);
      expect(kept).toEqual([]);
      expect(await auditOf(databaseUrl)).toHaveLength(150);
    },
  );
});

/** Every worker grants the seeds of its tenant, all of them in the same order and at the same time. */
async function race(databaseUrl: string): Promise<Record<string, number>> {
  await using opened = new AsyncDisposableStack();
  const granters = await Promise.all(WORKERS.map(async () => opened.use(await openGranter(databaseUrl))));
  const outcomes = await Promise.all(granters.map((granter, n) => granter.grant(WORKERS[n])));
  return tally(outcomes.flat());
}

async function countRows(databaseUrl: string): Promise<number | undefined> {
  const [row] = await execute<{ count: number }>(databaseUrl, 'select count(*)::int as count from flip.user_role');
  return row?.count;
}
