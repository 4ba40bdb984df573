import { expect } from 'vitest';
import { countStates } from '../support/ledger.ts';
import { people, POOL } from '../support/manifest.ts';
import { createEmptyDatabase, describeOnBothDeployments } from '../support/deployment.ts';
import { execute } from '../support/sql.ts';

const PRODUCERS = 8;
const SEEDS = 200;

describeOnBothDeployments('many replicas that boot together', (test) => {
  test('make one run, one job per seed, and every grant once', async ({ manifest, run, start, cognito, redisUrl }) => {
    await using empty = await createEmptyDatabase();
    const more = { DATABASE_URL: empty.url, REDIS_URL: redisUrl };
    const emails = people(SEEDS);
    const users = emails.map((email) => ({ email }));
    cognito.addPool({ id: POOL, users, estimatedNumberOfUsers: 1_000_000 }); // so that each is asked for alone
    await manifest({ tenants: [{ seeds: emails.map((email) => ({ email, roles: ['admin', 'researcher'] })) }] });

    const workers = [start('work', more), start('work', more)];
    const produced = await Promise.all(
      Array.from({ length: PRODUCERS }, () => run('produce --release v1 --json', more)),
    );
    const gate = await run('gate --release v1 --wait --timeout 60', more);

    expect(produced.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(produced.map(() => [0, '']));
    expect(produced.filter(({ stdout }) => JSON.parse(stdout).recorded)).toHaveLength(1);
    expect(gate).toMatchObject({ exitCode: 0 });
    expect(await countStates(empty.url)).toEqual({ granted: SEEDS });
    expect(await execute(empty.url, 'select run::int from rolecall.release')).toEqual([{ run: 1 }]);
    const [rows] = await execute(
      empty.url,
      `select (select count(*) from public.user_role)::int as grants, (select count(*) from rolecall.audit)::int as audited,
              (select count(distinct (user_id, role_id)) from public.user_role)::int as distinct_grants,
              (select max(attempts) from rolecall.seed)::int as attempts`,
    );
    expect(rows).toEqual({ grants: 2 * SEEDS, audited: 2 * SEEDS, distinct_grants: 2 * SEEDS, attempts: 1 });
    expect(cognito.counts.calls.ListUsers).toBe(SEEDS); // one job per seed, which ran once
    for (const worker of workers) expect(worker.stderr).toMatch(/"outcome":"granted"/);
  });
});
