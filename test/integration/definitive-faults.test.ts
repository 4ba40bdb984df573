import pg from 'pg';
import { expect } from 'vitest';
import { startEmulator, type Emulator } from '../../demo/cognito/emulator.ts';
import { failedJobs, grantsIn, keepHistory, retryFailedJobs, untilCounts, untilStates } from '../support/ledger.ts';
import { people, POOL, writeOut, type TenantSketch } from '../support/manifest.ts';
import { produceManifest } from '../support/produce.ts';
import { execute } from '../support/sql.ts';
import { recordedSeeds } from '../support/recorded-seeds.ts';
import { moveSeeds, moveToPending } from '#shared/ledger/move-seed.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import { createSeedTaker } from '../../src/worker/take-seed.ts';
import { recordTenantFault } from '../../src/worker/tenant-fault.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';

const EMAIL = 'ada@example.org';
const ROLE = 'arn:aws:iam::111122223333:role/rolecall';

interface Fault {
  readonly what: string;
  readonly reason: string;
  readonly tenant?: Partial<TenantSketch>;
  readonly broken: (cognito: Emulator) => void;
  readonly mended: (cognito: Emulator) => void;
}

const withAda = (cognito: Emulator) => cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });

/** An error of the service, in a pool where all else is well. */
function refused(what: string, name: string, reason: string): Fault {
  return {
    what,
    reason,
    broken(cognito) {
      withAda(cognito);
      cognito.setFault({ kind: 'error', name, status: 400 });
    },
    mended: (cognito) => cognito.clearFaults(),
  };
}

const FAULTS: readonly Fault[] = [
  refused('AWS does not allow to list users', 'AccessDeniedException', 'access-denied'),
  refused('Cognito cannot search for it', 'InvalidParameterException', 'email-malformed'),
  refused('the access key is refused three times', 'UnrecognizedClientException', 'credentials-invalid'),
  refused('a refusal that nobody knows', 'BrandNewException', 'cognito-refused'),
  {
    what: 'the pool does not exist',
    reason: 'pool-not-found',
    broken: () => {},
    mended: withAda,
  },
  {
    what: 'two users have the email',
    reason: 'email-ambiguous',
    broken: (cognito) => cognito.addPool({ id: POOL, users: [{ email: EMAIL }, { email: 'ADA@example.org' }] }),
    mended: withAda,
  },
  {
    what: 'the two users are on different pages',
    reason: 'email-ambiguous',
    broken: (cognito) => cognito.addPool({ id: POOL, pageSize: 1, users: [{ email: EMAIL }, { email: EMAIL }] }),
    mended: withAda,
  },
  {
    what: 'the email is not verified',
    reason: 'email-unverified',
    broken: (cognito) => cognito.addPool({ id: POOL, users: [{ email: EMAIL, emailVerified: false }] }),
    mended: (cognito) => cognito.updateUser(POOL, EMAIL, { emailVerified: true }),
  },
  {
    what: 'the user is disabled, where that blocks',
    reason: 'user-disabled',
    tenant: { identity: { onDisabled: 'block' } },
    broken: (cognito) => cognito.addPool({ id: POOL, users: [{ email: EMAIL, enabled: false }] }),
    mended: (cognito) => cognito.updateUser(POOL, EMAIL, { enabled: true }),
  },
  {
    what: 'nobody has the email',
    reason: 'user-missing',
    broken: (cognito) => cognito.addPool({ id: POOL }),
    mended: (cognito) => cognito.addUser(POOL, { email: EMAIL }),
  },
  {
    what: 'the role of the tenant may not be assumed',
    reason: 'assume-role-refused',
    tenant: { assumeRole: { arn: ROLE } },
    broken(cognito) {
      withAda(cognito);
      cognito.setFault({ kind: 'error', operation: 'AssumeRole', name: 'AccessDenied', status: 403 });
    },
    mended: (cognito) => cognito.clearFaults(),
  },
];

describeOnBothPlatforms('a definitive fault', (queueTest) => {
  queueTest.for(FAULTS)(
    '$what: blocked with $reason, a failed job that says so, and granted after the repair',
    async ({ reason, tenant, broken, mended }, { cognito, produce, work, queue, databaseUrl }) => {
      broken(cognito);
      await produce({ tenants: [{ ...tenant, seeds: [EMAIL] }] }, 'v1');
      await work();
      await untilStates(databaseUrl, { [EMAIL]: `blocked: ${reason}` });
      await expect.poll(() => failedJobs(queue)).toEqual([reason]);
      expect(await grantsIn(databaseUrl)).toEqual([]);

      mended(cognito);
      await retryFailedJobs(queue);
      await untilStates(databaseUrl, { [EMAIL]: 'granted' });
      await expect.poll(() => queue.getJobCounts('failed', 'completed')).toEqual({ failed: 0, completed: 1 });
    },
  );

  queueTest(
    'of the whole tenant stops the lookups of its other seeds, and of no other tenant',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      const [wrong, right] = ['eu-west-2_Wrong', 'eu-west-2_Right'];
      cognito.addPool({ id: right, syntheticUsers: 50 });
      const synthetic = people(50).map((email) => email.replace('@', '@synthetic.'));
      await produce(
        {
          tenants: [
            { id: 'wrong', pool: wrong, seeds: people(200) },
            { id: 'right', pool: right, seeds: synthetic },
          ],
        },
        'v1',
      );
      await work({ ROLECALL_CONCURRENCY: '10' });
      await untilCounts(databaseUrl, { blocked: 200, granted: 50 });
      await expect.poll(() => queue.getFailedCount()).toBe(200);
      expect(new Set(await failedJobs(queue))).toEqual(new Set(['pool-not-found']));
      expect(cognito.counts.byPool[wrong]).toBeLessThanOrEqual(20);

      cognito.addPool({ id: wrong, users: people(200).map((email) => ({ email })) });
      await retryFailedJobs(queue);
      await untilCounts(databaseUrl, { granted: 250 });
    },
  );
});

test('a missing user keeps the seed pending until the second look', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL });
  const history = await keepHistory(databaseUrl);
  await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'blocked: user-missing' });
  expect((await history())[EMAIL]).toEqual(['pending', 'pending', 'blocked: user-missing']);
  expect(cognito.counts.byEmail[EMAIL]).toBe(2);
});

test('a blip between the two looks leaves the seed pending', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL });
  const history = await keepHistory(databaseUrl);
  await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
  await work({ ROLECALL_MISSING_RECHECK_MS: '1000' });
  await expect.poll(() => cognito.counts.byEmail[EMAIL], { timeout: 5_000 }).toBe(1);
  cognito.setFault({ kind: 'error', name: 'TooManyRequestsException', times: 3 });
  await untilStates(databaseUrl, { [EMAIL]: 'blocked: user-missing' });
  expect(new Set((await history())[EMAIL])).toEqual(new Set(['pending', 'blocked: user-missing']));
  expect(cognito.counts.byEmail[EMAIL]).toBe(5);
});

test('a connection that is lost between the two looks, before anything is read, leaves the seed pending', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL });
  const history = await keepHistory(databaseUrl);
  await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
  await work({ ROLECALL_MISSING_RECHECK_MS: '1000' });
  const suspected = 'select from rolecall.seed where suspected_reason is not null';
  await expect.poll(() => execute(databaseUrl, suspected), { interval: 20 }).toHaveLength(1);
  await using locking = new AsyncDisposableStack();
  const lock = new pg.Client(databaseUrl);
  await lock.connect();
  locking.defer(() => lock.end());
  await lock.query('begin; lock table rolecall.release_tenant');
  const cut = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%seen_sub%'`;
  await expect.poll(() => execute(databaseUrl, cut), { interval: 20 }).toHaveLength(1);
  await lock.query('rollback');

  await untilStates(databaseUrl, { [EMAIL]: 'blocked: user-missing' });

  expect((await history())[EMAIL]).toEqual(['pending', 'pending', 'pending', 'blocked: user-missing']);
});

test('an answer that was asked for before a replay says nothing about the replayed seeds', async ({
  ledger,
  produce,
}) => {
  await produce({ tenants: [{ seeds: [EMAIL, 'other@example.org'] }] }, 'v1');
  const em = () => ledger.em.fork();
  const [asking, replayed] = await recordedSeeds(ledger);
  if (asking === undefined || replayed === undefined) throw new Error('two seeds were produced');
  const takeSeed = createSeedTaker(ledger.em, await runPrepared(ledger));
  const late = await takeSeed(asking);
  await moveSeeds(em(), 'blocked', [{ id: replayed.seedId, next: { kind: 'blocked', reason: 'access-denied' } }]);
  await moveToPending(em(), [replayed.seedId]);

  if (late) await recordTenantFault(em(), late, { reason: 'access-denied' });

  expect(await takeSeed(replayed)).toMatchObject({ sharedFault: null, tenantHasFault: true });
  expect(await takeSeed(asking)).toMatchObject({ sharedFault: 'access-denied' });
});

test('a user who appears between the two looks is granted', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL });
  const history = await keepHistory(databaseUrl);
  await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
  await work({ ROLECALL_MISSING_RECHECK_MS: '1000' });
  await expect.poll(() => cognito.counts.byEmail[EMAIL], { timeout: 5_000 }).toBe(1);
  cognito.addUser(POOL, { email: EMAIL });
  await untilStates(databaseUrl, { [EMAIL]: 'granted' });
  expect((await history())[EMAIL]).toEqual(['pending', 'pending', 'granted']);
});

test('a user who will appear is waited for, and granted without a hand', async ({
  cognito,
  produce,
  work,
  queue,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL });
  const history = await keepHistory(databaseUrl);
  await produce({ tenants: [{ seeds: [{ email: EMAIL, onMissing: 'wait' }] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'waiting: user-missing' });
  await expect.poll(() => cognito.counts.byEmail[EMAIL], { timeout: 5_000 }).toBeGreaterThan(3);
  expect(await failedJobs(queue)).toEqual([]);
  cognito.addUser(POOL, { email: EMAIL });
  await untilStates(databaseUrl, { [EMAIL]: 'granted' });
  expect(new Set((await history())[EMAIL]?.slice(2, -1))).toEqual(new Set(['waiting: user-missing']));
});

test('what is optional is skipped: missing users, and disabled ones', async ({
  cognito,
  produce,
  work,
  queue,
  databaseUrl,
}) => {
  cognito.addPool({ id: POOL, users: [{ email: 'off@example.org', enabled: false }] });
  const seeds = [{ email: EMAIL, onMissing: 'skip' } as const, 'off@example.org'];
  await produce({ tenants: [{ seeds }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'skipped: user-missing', 'off@example.org': 'skipped: user-disabled' });
  expect(await failedJobs(queue)).toEqual([]);
  expect(await grantsIn(databaseUrl)).toEqual([]);
});

test('a disabled user or an unverified one is granted where the tenant wants that', async ({
  cognito,
  produce,
  work,
  databaseUrl,
}) => {
  cognito.addPool({
    id: POOL,
    users: [
      { email: 'off@example.org', enabled: false },
      { email: EMAIL, emailVerified: false },
    ],
  });
  const identity = { onDisabled: 'grant', requireVerifiedEmail: false } as const;
  await produce({ tenants: [{ identity, seeds: [EMAIL, 'off@example.org'] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'granted', 'off@example.org': 'granted' });
});

test('a match on the third page, behind empty ones, is found', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, emptyFirstPages: 2, pageSize: 1, users: [{ email: EMAIL }] });
  await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'granted' });
  expect(cognito.counts.byEmail[EMAIL]).toBe(3);
});

test('an endpoint that ignores the filter makes nobody an admin', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL });
  const eve = { Name: 'email', Value: 'eve@example.org' };
  const sub = { Name: 'sub', Value: '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01' };
  const user = {
    Username: 'eve',
    Enabled: true,
    UserStatus: 'CONFIRMED',
    Attributes: [eve, sub, { Name: 'email_verified', Value: 'true' }],
  };
  cognito.setFault({
    kind: 'http',
    status: 200,
    contentType: 'application/x-amz-json-1.1',
    body: JSON.stringify({ Users: [user] }),
  });
  await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'blocked: user-missing' });
  expect(await grantsIn(databaseUrl)).toEqual([]);
});

test.for([
  ['a quote', 'x" or email ^= "'],
  ['a backslash', 'ada\\@example.org'],
  ['a line break', 'ada\n@example.org'],
])(
  'an email with %s, written straight into the ledger, never reaches Cognito',
  async ([, email], { cognito, produce, work, databaseUrl }) => {
    cognito.addPool({ id: POOL, users: [{ email: EMAIL }] });
    await produce({ tenants: [{ seeds: [EMAIL] }] }, 'v1');
    await execute(databaseUrl, 'update rolecall.seed set email = $1', [email]);
    await work();
    await untilStates(databaseUrl, { [email ?? '']: 'blocked: email-malformed' });
    expect(cognito.counts.calls.ListUsers).toBe(0);
  },
);

test('a role that wants another external id is refused by STS, and blocks', async ({
  env,
  work,
  queue,
  databaseUrl,
}) => {
  const pools = [{ id: POOL, users: [{ email: EMAIL }] }];
  await using strict = await startEmulator({ pools, roles: [{ arn: ROLE, externalId: 'right' }] });
  const tenant = (externalId: string) => ({ tenants: [{ assumeRole: { arn: ROLE, externalId }, seeds: [EMAIL] }] });

  await produceManifest(writeOut(tenant('wrong'), strict.url), env, 'v1');
  await work();
  await untilStates(databaseUrl, { [EMAIL]: 'blocked: assume-role-refused' });
  await expect.poll(() => failedJobs(queue)).toEqual(['assume-role-refused']);

  await produceManifest(writeOut(tenant('right'), strict.url), env, 'v2');
  await untilStates(databaseUrl, { [EMAIL]: 'granted' });
});
