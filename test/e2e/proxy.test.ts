import { writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { deploymentTest } from '../support/deployment.ts';
import { startForwardProxy } from '../support/forward-proxy.ts';
import { untilStates } from '../support/ledger.ts';
import { POOL, writeOut } from '../support/manifest.ts';
import { AUTHORITY, startTlsProxy } from '../support/tls.ts';

const ADA = 'ada@example.org';
const assumeRole = { arn: 'arn:aws:iam::111122223333:role/rolecall' };

deploymentTest(
  'AWS is asked through a proxy: what it refuses is mended and replayed, what it cannot do now passes',
  async ({ cognito, env, run, start, databaseUrl, onTestFinished }) => {
    const aws = await startTlsProxy(cognito.url);
    onTestFinished(aws.stop);
    const proxy = await startForwardProxy('rolecall:s3cret');
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    cognito.addPool({ id: POOL, account: '111122223333', users: [{ email: ADA }] });
    const manifest = writeOut({ tenants: [{ assumeRole, seeds: [ADA] }] }, aws.url);
    await writeFile(env['ROLECALL_MANIFEST'] ?? '', JSON.stringify(manifest)); // JSON is YAML
    await run('produce --release v1');

    proxy.refuse(403);
    const worker = start('work', {
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: proxy.url,
      NODE_EXTRA_CA_CERTS: AUTHORITY,
    });
    await untilStates(databaseUrl, { [ADA]: 'blocked: endpoint-refused' });

    proxy.refuse(503);
    await run('replay --all');
    await untilStates(databaseUrl, { [ADA]: 'retrying: network' });

    proxy.refuse(null);
    await untilStates(databaseUrl, { [ADA]: 'granted' });
    expect(new Set(proxy.asked)).toEqual(new Set([new URL(aws.url).host])); // STS and Cognito alike
    expect(worker.stderr).not.toContain('s3cret');
  },
);
