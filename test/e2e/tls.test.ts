import { afterAll, beforeAll, expect, inject } from 'vitest';
import { deploymentOn, deploymentTest } from '../support/deployment.ts';
import { POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { AUTHORITY, startTlsPostgres, startTlsProxy } from '../support/tls.ts';

/** Most of the time they wait for a process to start. */
const test = deploymentTest.concurrent;

const ADA = 'ada@example.org';
const ONE = { tenants: [{ seeds: [ADA] }] };

let postgres: Awaited<ReturnType<typeof startTlsPostgres>>;
beforeAll(async () => {
  postgres = await startTlsPostgres();
});
afterAll(() => postgres.stop());

const withTls = (settings: Readonly<Record<string, string>>) => `${postgres.url}?${new URLSearchParams(settings)}`;

test('a PostgreSQL that speaks TLS holds the ledger, the queue and the grants, and every connection is encrypted', async ({
  cognito,
  manifest,
  run,
  start,
}) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  await manifest(ONE);
  const more = { DATABASE_URL: withTls({ sslmode: 'require', sslrootcert: AUTHORITY }) };
  const worker = start('work', more);

  expect(await run('produce --wait --timeout 60', more)).toMatchObject({ exitCode: 0 });

  const connections = `select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name like 'rolecall%'`;
  expect(await execute(postgres.url, connections)).toEqual([{ ssl: true }]);
  const { exitCode, stderr } = await run('gate', more);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' }); // and no warning of the driver
  expect(worker.stderr).not.toContain('Warning');
});

test('a PostgreSQL is refused when nobody known has signed its certificate', async ({ manifest, run }) => {
  await manifest(ONE);
  expect(await run('migrate', { DATABASE_URL: withTls({ sslmode: 'require' }) })).toMatchObject({
    exitCode: 5,
    stdout: '',
    stderr:
      'rolecall: PostgreSQL (DATABASE_URL) is not to be trusted: this machine does not know the authority that signed its certificate; name its file by NODE_EXTRA_CA_CERTS, or for PostgreSQL by sslrootcert in the URL (UNABLE_TO_VERIFY_LEAF_SIGNATURE)\n',
  });
});

test('an authority of PostgreSQL that nobody mounted is a mistake in the environment', async ({ manifest, run }) => {
  await manifest(ONE);
  const more = { DATABASE_URL: withTls({ sslmode: 'verify', sslrootcert: '/no/such.pem', sslkey: '/no/such.key' }) };
  const { exitCode, stderr } = await run('produce', more);
  expect(exitCode).toBe(2);
  expect(stderr).toBe(
    [
      'rolecall: the environment cannot be used:',
      '  DATABASE_URL: its sslmode is none of disable, prefer, require, verify-ca, verify-full, no-verify',
      '  DATABASE_URL: the file that its sslrootcert names cannot be read',
      '  DATABASE_URL: the file that its sslkey names cannot be read\n',
    ].join('\n'),
  );
});

const redisTest = deploymentOn('redis').skipIf(inject('redisUrl') === null).concurrent;
redisTest(
  'a Redis that speaks TLS is believed when its authority is known',
  async ({ manifest, run, redisUrl = '', onTestFinished }) => {
    const redis = await startTlsProxy(redisUrl);
    onTestFinished(redis.stop);
    await manifest(ONE);
    const more = { REDIS_URL: redis.url };

    expect(await run('produce', more)).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/^rolecall: Redis \(REDIS_URL\) is not to be trusted: .* \(UNABLE_TO_VERIFY_LEAF_/),
    });
    expect(await run('produce', { ...more, NODE_EXTRA_CA_CERTS: AUTHORITY })).toMatchObject({ exitCode: 0 });
  },
);
