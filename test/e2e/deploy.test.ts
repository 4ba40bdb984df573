import { expect, vi } from 'vitest';
import type { Emulator } from '../../demo/cognito/emulator.ts';
import type { Gate } from '../../src/ops/gate/gate.ts';
import { countStates, grantsIn } from '../support/ledger.ts';
import { ADMIN, people, POOL, RESEARCHER } from '../support/manifest.ts';
import {
  createEmptyDatabase,
  describeOnBothDeployments,
  deploymentTest,
  untilGate,
  type Server,
} from '../support/deployment.ts';
import { execute } from '../support/sql.ts';

describeOnBothDeployments('a deploy', (test) => {
  test('produces into an empty database, is worked on, and opens its gate', async ({
    manifest,
    run,
    start,
    cognito,
    env,
  }) => {
    await using empty = await createEmptyDatabase();
    const more = { DATABASE_URL: empty.url, ...('REDIS_URL' in env && { REDIS_URL: env['REDIS_URL'] }) };
    const [ada, grace] = ['ada@example.org', 'grace@example.org'];
    cognito.addPool({ id: POOL, users: [{ email: ada }, { email: grace }] });
    await manifest({ tenants: [{ seeds: [ada, { email: grace, roles: ['admin', 'researcher'] }] }] });

    start('work', more); // first, as happens in a rollout
    const [waited, produced] = await Promise.all([
      run('gate --release v1 --wait --timeout 60', more),
      run('produce --release v1 --json', more),
    ]);
    const [again, table, json] = await Promise.all([
      run('produce --release v1 --json', more),
      run('status', more),
      run('status --json --emails', more),
    ]);

    expect(produced).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(produced.stdout)).toMatchObject({ run: 1, recorded: true, seeds: 2, enqueued: 2 });
    expect(waited.exitCode).toBe(0);
    expect(waited.stdout).toMatch(/^gate: open · flip, release v1, run 1\n {2}granted 2\n$/);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ run: 1, recorded: false, seeds: 2, enqueued: 0 });
    expect(table.stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, '|'))).toEqual([
      'TENANT|SEED|ROLES|STATE|REASON|ATTEMPTS|NEXT ATTEMPT',
      expect.stringMatching(/^flip\|a•••a@example.org\|admin\|granted\|1$/),
      expect.stringMatching(/^flip\|g•••e@example.org\|admin,researcher\|granted\|1$/),
      '',
    ]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      release: 'v1',
      seeds: [
        { who: ada, state: 'granted', reason: null },
        { who: grace, roles: ['admin', 'researcher'] },
      ],
    });
    const grants = await grantsIn(empty.url);
    expect(grants.map(({ role_id }) => role_id).toSorted()).toEqual([ADMIN, ADMIN, RESEARCHER].toSorted());
    expect(await execute(empty.url, 'select 1 from rolecall.audit')).toHaveLength(3);
  });

  test('is closed by every definitive error, and opened again by a fix and a retry on the board', async ({
    manifest,
    run,
    serve,
    cognito,
    databaseUrl,
  }) => {
    for (const { tenant, breaks } of CAUSES) breaks(cognito, poolOf(tenant), emailOf(tenant));
    await manifest({
      tenants: CAUSES.map(({ tenant }) => ({ id: tenant, pool: poolOf(tenant), seeds: [emailOf(tenant)] })),
    });

    const server = await serve('up --release v1');
    const closed = await untilGate(server, { state: 'blocked', counts: { blocked: CAUSES.length } });
    expect((await server.ask('/gate')).status).toBe(503);
    expect(byTenant(closed)).toEqual(Object.fromEntries(CAUSES.map(({ tenant, reason }) => [tenant, reason] as const)));
    const gate = await run('gate --release v1');
    expect(gate.exitCode).toBe(3);
    for (const { tenant, reason } of CAUSES) expect(gate.stdout).toContain(`  ${tenant}: 1 × ${reason}\n`);
    await untilFailed(server, CAUSES.length);
    expect(await grantsIn(databaseUrl)).toEqual([]);

    const [first, ...others] = CAUSES;
    if (first === undefined) throw new Error('no causes');
    first.mends(cognito, poolOf(first.tenant), emailOf(first.tenant));
    const [seed] = await execute<{ job: string }>(
      databaseUrl,
      `select 'r' || run || '-s' || id as job from rolecall.seed where tenant = $1`,
      [first.tenant],
    );
    expect((await put(server, `${seed?.job}/retry`)).status).toBe(204);
    await untilGate(server, { state: 'open' }, `?tenant=${first.tenant}`);
    expect(byTenant(await untilGate(server, { state: 'blocked', counts: { granted: 1, pending: 0 } }))).toEqual(
      Object.fromEntries(others.map(({ tenant, reason }) => [tenant, reason] as const)),
    );

    for (const { tenant, mends } of others) mends(cognito, poolOf(tenant), emailOf(tenant));
    expect((await put(server, 'retry/failed')).status).toBe(200);
    await untilGate(server, { state: 'open', degraded: false, counts: { granted: CAUSES.length } });
    expect((await server.ask('/gate')).status).toBe(200);
    expect(await run('gate --release v1')).toMatchObject({ exitCode: 0 });
    expect(await grantsIn(databaseUrl)).toHaveLength(CAUSES.length);
  });

  test('waits through an outage when it holds, and opens when that is over', async ({
    manifest,
    run,
    serve,
    cognito,
    databaseUrl,
  }) => {
    const users = people(3);
    cognito.addPool({ id: POOL, users: users.map((email) => ({ email })) });
    cognito.setFault(OUTAGE);
    await manifest({ gate: { onTransient: 'hold' }, tenants: [{ seeds: users }] });

    const server = await serve('up');
    await untilTriedOften(databaseUrl);
    await untilGate(server, { state: 'pending', open: false, counts: { retrying: 3 } });
    expect(await run('gate --wait --timeout 1')).toMatchObject({ exitCode: 4 });

    cognito.clearFaults();
    expect(await run('gate --wait --timeout 30')).toMatchObject({ exitCode: 0 });
    expect(await countStates(databaseUrl)).toEqual({ granted: 3 });
  });

  test('starts degraded in an outage by default, and heals by itself', async ({
    manifest,
    run,
    serve,
    cognito,
    databaseUrl,
  }) => {
    const users = people(3);
    cognito.addPool({ id: POOL, users: users.map((email) => ({ email })) });
    cognito.setFault(OUTAGE);
    await manifest({ tenants: [{ seeds: users }] });

    const server = await serve('up');
    await untilGate(server, { state: 'open', degraded: true, counts: { retrying: 3 } });
    const degraded = await run('gate');
    expect(degraded.exitCode).toBe(0);
    expect(degraded.stdout).toMatch(/^gate: open \(degraded/);

    cognito.clearFaults();
    await untilGate(server, { state: 'open', degraded: false, counts: { granted: 3 } });
    expect(await countStates(databaseUrl)).toEqual({ granted: 3 });
  });
});

deploymentTest(
  'a newer release supersedes what is blocked, and can be rolled back to',
  async ({ manifest, run, serve, cognito }) => {
    cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });
    await serve('work');
    await manifest({ tenants: [{ seeds: ['ada@example.org'] }] });
    expect(await run('produce --release v1 --wait')).toMatchObject({ exitCode: 0 });
    await manifest({ tenants: [{ seeds: ['ada@example.org', 'nobody@example.org'] }] });
    expect(await run('produce --release v2 --wait')).toMatchObject({ exitCode: 3 });

    await manifest({ tenants: [{ seeds: ['ada@example.org'] }] });
    const back = await run('produce --release v1 --wait --json');

    expect(back.exitCode).toBe(0);
    expect(JSON.parse(back.stdout)).toMatchObject({ state: 'open', release: 'v1', run: 3 });
    const [older, current] = await Promise.all(['gate --release v2 --json', 'gate --json'].map((c) => run(c)));
    expect(older?.exitCode).toBe(3);
    expect(JSON.parse(older?.stdout ?? '')).toMatchObject({ reasons: [{ reason: 'superseded', count: 1 }] });
    expect(JSON.parse(current?.stdout ?? '')).toMatchObject({ state: 'open', run: 3 });
  },
);

const OUTAGE = { kind: 'error', name: 'ServiceUnavailableException', status: 503 } as const;

interface Cause {
  readonly tenant: string;
  readonly reason: string;
  readonly breaks: (cognito: Emulator, pool: string, email: string) => void;
  readonly mends: (cognito: Emulator, pool: string, email: string) => void;
}

const CAUSES: readonly Cause[] = [
  {
    tenant: 'denied',
    reason: 'access-denied',
    breaks: (cognito, pool, email) => {
      cognito.addPool({ id: pool, users: [{ email }] });
      cognito.setFault({ id: pool, pool, kind: 'error', name: 'AccessDeniedException', status: 400 });
    },
    mends: (cognito, pool) => cognito.clearFault(pool),
  },
  {
    tenant: 'poolless',
    reason: 'pool-not-found',
    breaks: () => {},
    mends: (cognito, pool, email) => cognito.addPool({ id: pool, users: [{ email }] }),
  },
  {
    tenant: 'unfiltered',
    reason: 'email-malformed',
    breaks: (cognito, pool, email) => {
      cognito.addPool({ id: pool, users: [{ email }] });
      cognito.setFault({ id: pool, email, kind: 'error', name: 'InvalidParameterException', status: 400 });
    },
    mends: (cognito, pool) => cognito.clearFault(pool),
  },
  {
    tenant: 'ambiguous',
    reason: 'email-ambiguous',
    breaks: (cognito, pool, email) => cognito.addPool({ id: pool, users: [{ email }, { email }] }),
    mends: (cognito, pool, email) => cognito.addPool({ id: pool, users: [{ email }] }),
  },
  {
    tenant: 'unverified',
    reason: 'email-unverified',
    breaks: (cognito, pool, email) => cognito.addPool({ id: pool, users: [{ email, emailVerified: false }] }),
    mends: (cognito, pool, email) => cognito.updateUser(pool, email, { emailVerified: true }),
  },
  {
    tenant: 'missing',
    reason: 'user-missing',
    breaks: (cognito, pool) => cognito.addPool({ id: pool }),
    mends: (cognito, pool, email) => void cognito.addUser(pool, { email }),
  },
];

function poolOf(tenant: string): string {
  return `eu-west-2_${tenant}`;
}

function emailOf(tenant: string): string {
  return `admin.${tenant}@example.org`;
}

function byTenant({ reasons }: Gate): Record<string, string> {
  return Object.fromEntries(reasons.map(({ tenant, reason }) => [tenant, reason]));
}

function put(server: Server, path: string): Promise<Response> {
  return server.ask(`/board/api/queues/rolecall/${path}`, { method: 'PUT' });
}

/** The ledger knows of a verdict a moment before the queue does. */
async function untilFailed(server: Server, count: number): Promise<void> {
  await vi.waitFor(async () => {
    const answer = await server.ask('/board/api/queues?activeQueue=rolecall&status=failed&page=1&jobsPerPage=10');
    const { queues } = (await answer.json()) as { queues: { counts: { failed: number } }[] };
    expect(queues[0]?.counts.failed).toBe(count);
  }, 5_000);
}

async function untilTriedOften(databaseUrl: string): Promise<void> {
  await vi.waitFor(async () => {
    const [row] = await execute<{ least: number }>(
      databaseUrl,
      'select min(attempts)::int as least from rolecall.seed',
    );
    expect(row?.least).toBeGreaterThanOrEqual(3);
  }, 10_000);
}
