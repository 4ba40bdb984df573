import pg from 'pg';
import { expect, vi } from 'vitest';
import { startSilentProxy } from '../support/database-proxy.ts';
import { auditOf, grantsIn, keepHistory, statesOf, untilCounts } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { inFlip, LATER_SHAPE, LATER_TABLE, rowsOf } from '../support/own-tables.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const STUCK_POOL = `${POOL}Stuck`;
const peopleOf = (tenant: string, count: number) => people(count).map((email) => `${tenant}-${email}`);
const usersOf = (emails: readonly string[]) => emails.map((email) => ({ email }));
const fine = peopleOf('fine', 40);
const stuck = peopleOf('stuck', 40);
const LARGE = 1_000_000; // so that nobody walks through the pool: each is asked for alone
const FOUR = { ROLECALL_CONCURRENCY: '4' };

async function untilFineIsDoneAndStuckIs(databaseUrl: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const states = await statesOf(databaseUrl);
      expect(new Set(fine.map((email) => states[email]))).toEqual(new Set(['granted']));
      expect(new Set(stuck.map((email) => states[email]))).toEqual(new Set(['pending']));
    },
    { timeout: 20_000, interval: 20 },
  );
}

/** Connections of workers to the ledger that wait, in the middle of something, for somebody else. */
async function idleInTransaction(databaseUrl: string): Promise<number> {
  const rows = await execute(
    databaseUrl,
    `select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'
     and application_name like 'rolecall%'`,
  );
  return rows.length;
}

describeOnBothPlatforms('a tenant', (queueTest) => {
  queueTest(
    'is not held up by one whose database says nothing, which costs hardly any lookups and is done when it is back',
    async ({ cognito, produce, work, databaseUrl }) => {
      cognito.addPool({ id: STUCK_POOL, users: usersOf(stuck), estimatedNumberOfUsers: LARGE });
      cognito.addPool({ id: POOL, users: usersOf(fine), estimatedNumberOfUsers: LARGE });
      const other = `${new URL(databaseUrl).pathname.slice(1)}_other`;
      await execute(databaseUrl, `create database ${other}`);
      const realUrl = withDatabase(databaseUrl, other);
      const tenants = [
        { id: 'stuck', pool: STUCK_POOL, grants: { databaseUrlEnv: 'OTHER_URL' }, seeds: stuck },
        { id: 'fine', seeds: fine },
      ];
      await produce({ tenants }, 'v1', { OTHER_URL: realUrl });
      const history = await keepHistory(databaseUrl);
      await using proxy = await startSilentProxy(realUrl);
      const worker = await work({ ...FOUR, OTHER_URL: proxy.url });

      await untilFineIsDoneAndStuckIs(databaseUrl); // none has timed out yet
      await expect.poll(() => idleInTransaction(databaseUrl), { timeout: 1_000 }).toBe(0);
      await untilCounts(databaseUrl, { granted: 40, retrying: 40 });
      expect(cognito.counts.byPool[STUCK_POOL]).toBeLessThan(10);

      proxy.open();
      await untilCounts(databaseUrl, { granted: 80 });
      expect(await grantsIn(realUrl)).toHaveLength(40);
      expect(await auditOf(databaseUrl)).toHaveLength(80);
      const past = await history();
      expect(new Set(stuck.flatMap((email) => past[email] ?? []))).toEqual(
        new Set(['retrying: database-unavailable', 'granted']),
      );
      await worker[Symbol.asyncDispose]();
      await execute(databaseUrl, `drop database ${other} with (force)`);
    },
  );

  queueTest(
    'is not held up by one whose table somebody has locked',
    async ({ cognito, produce, work, databaseUrl }) => {
      cognito.addPool({ id: STUCK_POOL, users: usersOf(stuck), estimatedNumberOfUsers: LARGE });
      cognito.addPool({ id: POOL, users: usersOf(fine), estimatedNumberOfUsers: LARGE });
      await execute(databaseUrl, LATER_SHAPE);
      await produce(
        {
          tenants: [
            { id: 'stuck', pool: STUCK_POOL, grants: inFlip(LATER_TABLE), seeds: stuck },
            { id: 'fine', seeds: fine },
          ],
        },
        'v1',
      );
      const application = new pg.Client({ connectionString: databaseUrl });
      await application.connect();
      await application.query('begin; lock table flip.user_role in access exclusive mode');
      await work(FOUR);

      await untilFineIsDoneAndStuckIs(databaseUrl);
      await untilCounts(databaseUrl, { granted: 40, retrying: 40 }, 15_000); // nobody waits for the lock that long

      await application.end();
      await untilCounts(databaseUrl, { granted: 80 });
      expect(await rowsOf(databaseUrl)).toHaveLength(40);
      expect(await auditOf(databaseUrl)).toHaveLength(80);
    },
  );
});
