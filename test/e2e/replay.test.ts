import { expect, vi } from 'vitest';
import { seedJobId } from '#shared/contract/seed-job.ts';
import { RunId, SeedId } from '#shared/contract/ids.ts';
import { statesOf, untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { describeOnBothDeployments } from '../support/deployment.ts';
import { execute } from '../support/sql.ts';

const OTHER_POOL = 'eu-west-2_Other';
const [ADA, GRACE, EDITH, ALAN] = ['ada', 'grace', 'edith', 'alan'].map((name) => `${name}@example.org`) as [
  string,
  string,
  string,
  string,
];

describeOnBothDeployments('replay', (test) => {
  test('puts back what it is told to, and the gate follows', async ({
    manifest,
    run,
    serve,
    cognito,
    databaseUrl,
    queue,
  }) => {
    cognito.addPool({ id: POOL, users: [{ email: EDITH, emailVerified: false }] });
    cognito.addPool({ id: OTHER_POOL });
    await manifest({
      tenants: [
        { id: 'flip', seeds: [ADA, GRACE, EDITH] },
        { id: 'relay', pool: OTHER_POOL, seeds: [ALAN] },
      ],
    });
    await serve('work');
    expect(await run('produce --release v1 --wait')).toMatchObject({ exitCode: 3 });
    const missing = 'blocked: user-missing';
    const unverified = 'blocked: email-unverified';
    await untilStates(databaseUrl, { [ADA]: missing, [GRACE]: missing, [EDITH]: unverified, [ALAN]: missing });

    for (const email of [ADA, GRACE]) cognito.addUser(POOL, { email });
    cognito.addUser(OTHER_POOL, { email: ALAN });
    expect(await run('replay --tenant relay')).toMatchObject({ exitCode: 0, stdout: 'replayed 1\n' });
    await untilStates(databaseUrl, { [ADA]: missing, [GRACE]: missing, [EDITH]: unverified, [ALAN]: 'granted' });
    expect(await run('gate --tenant relay')).toMatchObject({ exitCode: 0 });

    expect(await run(`replay --email ${ADA.toUpperCase()}`)).toMatchObject({ exitCode: 0, stdout: 'replayed 1\n' });
    await untilStates(databaseUrl, { [ADA]: 'granted', [GRACE]: missing, [EDITH]: unverified, [ALAN]: 'granted' });

    expect(await run('replay --reason user-missing --json')).toMatchObject({
      exitCode: 0,
      stdout: '{"replayed":1,"readded":0}\n',
    });
    await untilStates(databaseUrl, { [ADA]: 'granted', [GRACE]: 'granted', [EDITH]: unverified, [ALAN]: 'granted' });
    expect(await run('gate')).toMatchObject({ exitCode: 3 });

    // Somebody cleaned the failed set in the meantime: the ledger still knows who is blocked.
    const [edith] = await execute<{ run: number; id: number }>(
      databaseUrl,
      'select run::int, id::int from rolecall.seed where email = $1',
      [EDITH],
    );
    const jobId = seedJobId({ run: RunId.parse(edith?.run), seedId: SeedId.parse(edith?.id) });
    await vi.waitFor(async () => expect(await queue.getJobState(jobId)).toBe('failed'), 10_000);
    expect(await queue.remove(jobId)).toBe(1);
    expect(await run('gate')).toMatchObject({ exitCode: 3 });
    cognito.updateUser(POOL, EDITH, { emailVerified: true });
    expect(await run('replay --all')).toMatchObject({
      exitCode: 0,
      stdout: 'replayed 1, of which 1 had lost their job\n',
    });
    expect(await run('gate --wait --timeout 20')).toMatchObject({ exitCode: 0 });

    expect(await run('replay --all')).toMatchObject({ exitCode: 0, stdout: 'no blocked seed matches\n' });
    expect(Object.values(await statesOf(databaseUrl))).toEqual(['granted', 'granted', 'granted', 'granted']);
  });
});
