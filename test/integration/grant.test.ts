import { expect, vi } from 'vitest';
import { auditOf, failedJobs, grantsIn, retryFailedJobs, untilCounts, untilStates } from '../support/ledger.ts';
import { ADMIN, people, POOL, RESEARCHER } from '../support/manifest.ts';
import { execute, withDatabase } from '../support/sql.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const ada = { email: 'ada@example.org', sub: '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' };
const bob = { email: 'bob@example.org', sub: '26a2b2d4-20c1-70f8-1a4e-9b3c5d7e0f02' };
const grant = (sub: string, role: string, tenant = 'flip') => ({ tenant_id: tenant, user_id: sub, role_id: role });

describeOnBothPlatforms('the worker', (queueTest) => {
  queueTest(
    'grants every role once and writes one line about each; the next release adds nothing',
    async ({ produce, work, cognito, databaseUrl, queue }) => {
      cognito.addPool({ id: POOL, users: [ada, bob] });
      const sketch = {
        tenants: [{ seeds: [{ email: ada.email, roles: ['admin', 'researcher'] as const }, 'Bob@Example.org'] }],
      };
      await produce(sketch, 'v1');
      await work();
      await untilStates(databaseUrl, { [ada.email]: 'granted', 'Bob@Example.org': 'granted' });
      const grants = [grant(ada.sub, RESEARCHER), grant(ada.sub, ADMIN), grant(bob.sub, ADMIN)];
      expect(await grantsIn(databaseUrl)).toEqual(grants);
      expect(await auditOf(databaseUrl)).toEqual(grants);
      await vi.waitFor(async () => expect(await queue.getCompletedCount()).toBe(2), 10_000);

      await produce(sketch, 'v2');
      await untilCounts(databaseUrl, { granted: 2 });

      expect(await grantsIn(databaseUrl)).toEqual(grants);
      expect(await auditOf(databaseUrl)).toEqual(grants);
      expect(await failedJobs(queue)).toEqual([]);
    },
  );

  queueTest(
    'that starts before anything was migrated waits, and then works',
    async ({ produce, work, cognito, databaseUrl }) => {
      cognito.addPool({ id: POOL, users: [ada] });
      await execute(databaseUrl, 'drop schema rolecall cascade; drop schema bullmq cascade');
      const starting = work();
      await produce({ tenants: [{ seeds: [ada.email] }] }, 'v1');
      await starting;
      await untilStates(databaseUrl, { [ada.email]: 'granted' });
    },
  );
});

test('a worker grants 300 seeds of three tenants, each in its own name', async ({
  produce,
  work,
  cognito,
  databaseUrl,
}) => {
  const pools = ['a', 'b', 'c'].map((id) => ({ id, pool: `eu-west-2_Pool${id}` }));
  const users = people(100).map((email) => ({ email }));
  for (const { pool } of pools) cognito.addPool({ id: pool, users });
  await produce({ tenants: pools.map(({ id, pool }) => ({ id, pool, seeds: people(100) })) }, 'v1');
  await work({ ROLECALL_CONCURRENCY: '30' });
  await untilCounts(databaseUrl, { granted: 300 });
  const byTenant = Map.groupBy(await grantsIn(databaseUrl), (row) => row.tenant_id);
  expect([...byTenant].map(([tenant, rows]) => [tenant, rows.length])).toEqual([
    ['a', 100],
    ['b', 100],
    ['c', 100],
  ]);
  expect(await auditOf(databaseUrl)).toHaveLength(300);
});

test('grants go where the tenant says: into another database, or another schema', async ({
  produce,
  work,
  cognito,
  env,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [ada] });
  const other = `${new URL(databaseUrl).pathname.slice(1)}_other`;
  await execute(databaseUrl, `create database ${other}`);
  const more = { OTHER_URL: withDatabase(databaseUrl, other) };
  const tenants = [
    { id: 'here', grants: { schema: 'tenants' }, seeds: [ada.email] },
    { id: 'there', grants: { databaseUrlEnv: 'OTHER_URL' }, seeds: [ada.email] },
  ];

  await produce({ tenants }, 'v1', more);
  const worker = await work({ ...env, ...more });
  await untilCounts(databaseUrl, { granted: 2 });

  expect(await grantsIn(databaseUrl, 'tenants')).toEqual([grant(ada.sub, ADMIN, 'here')]);
  expect(await grantsIn(more.OTHER_URL)).toEqual([grant(ada.sub, ADMIN, 'there')]);
  expect(await grantsIn(databaseUrl)).toEqual([]);
  expect(await auditOf(databaseUrl)).toHaveLength(2);
  await worker[Symbol.asyncDispose]();
  await execute(databaseUrl, `drop database ${other} with (force)`);
});

test('a worker that lacks the variable of a database blocks, and one that has it grants', async ({
  produce,
  work,
  cognito,
  queue,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [ada] });
  await produce({ tenants: [{ grants: { databaseUrlEnv: 'FLIP_URL' }, seeds: [ada.email] }] }, 'v1', {
    FLIP_URL: databaseUrl,
  });
  const blind = await work();
  await untilStates(databaseUrl, { [ada.email]: 'blocked: database-not-configured' });
  await expect.poll(() => failedJobs(queue)).toEqual(['database-not-configured']);
  await blind[Symbol.asyncDispose]();

  await work({ FLIP_URL: databaseUrl });
  await retryFailedJobs(queue);
  await untilStates(databaseUrl, { [ada.email]: 'granted' });
});

interface Breakage {
  readonly what: string;
  readonly reason: string;
  readonly broken: string;
  readonly mended: string;
}

const BREAKAGES: readonly Breakage[] = [
  {
    what: 'the table of the grants is gone',
    reason: 'grants-table-missing',
    broken: 'alter table public.user_role rename to user_role_gone',
    mended: 'alter table public.user_role_gone rename to user_role',
  },
  {
    what: 'a column of the grants is gone',
    reason: 'grants-table-missing',
    broken: 'alter table public.user_role rename column tenant_id to tenant',
    mended: 'alter table public.user_role rename column tenant to tenant_id',
  },
  {
    what: 'the worker may not write grants',
    reason: 'grants-not-writable',
    broken: 'revoke insert on public.user_role from limited',
    mended: 'grant insert on public.user_role to limited',
  },
  {
    what: 'a role was deleted',
    reason: 'role-unknown',
    broken: `delete from public.roles where id = '${ADMIN}'`,
    mended: `insert into public.roles (id, name) values ('${ADMIN}', 'Admin')`,
  },
  {
    what: 'a trigger of the application is against it',
    reason: 'grants-refused',
    broken: `create function public.no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
             create trigger no before insert on public.user_role for each row execute function public.no()`,
    mended: 'drop trigger no on public.user_role',
  },
];

test.for(BREAKAGES)(
  '$what: blocked with $reason, and granted after the repair',
  async ({ reason, broken, mended }, { produce, work, cognito, env, queue, databaseUrl }) => {
    cognito.addPool({ id: POOL, users: [ada] });
    await produce({ tenants: [{ seeds: [ada.email] }] }, 'v1');
    await allowLimited(databaseUrl);
    await execute(databaseUrl, broken);
    const worker = await work({ ...env, DATABASE_URL: asLimited(databaseUrl) });
    await untilStates(databaseUrl, { [ada.email]: `blocked: ${reason}` });
    await expect.poll(() => failedJobs(queue)).toEqual([reason]);
    expect(await auditOf(databaseUrl)).toEqual([]);

    await execute(databaseUrl, mended);
    await retryFailedJobs(queue);
    await untilStates(databaseUrl, { [ada.email]: 'granted' });
    expect(await grantsIn(databaseUrl)).toEqual([grant(ada.sub, ADMIN)]);
    await worker[Symbol.asyncDispose]();
  },
);

/** The rights that the documentation asks for, and no more. */
async function allowLimited(databaseUrl: string): Promise<void> {
  await execute(
    databaseUrl,
    `do $$ begin create role limited login password 'limited'; exception when duplicate_object then null; end $$;
     grant usage on schema rolecall, bullmq, public to limited;
     grant create on schema bullmq to limited;
     grant all on all tables in schema rolecall, bullmq to limited;
     grant all on all sequences in schema rolecall, bullmq to limited;
     grant execute on all functions in schema rolecall, bullmq to limited;
     grant select, insert on public.user_role to limited`,
  );
}

function asLimited(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  [url.username, url.password] = ['limited', 'limited'];
  return url.href;
}
