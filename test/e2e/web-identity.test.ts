import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { deploymentTest } from '../support/deployment.ts';
import { untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';

const ADA = 'ada@example.org';
const TOKEN = 'a-token-of-the-cluster';
const ROLE = 'arn:aws:iam::111122223333:role/rolecall-worker';
const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

const refused = `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>`;
const issued = `<AssumeRoleWithWebIdentityResponse xmlns="${NAMESPACE}"><AssumeRoleWithWebIdentityResult><Credentials>
  <AccessKeyId>AKIAOFTHECLUSTER</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>
  <Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`; // API_AssumeRoleWithWebIdentity

deploymentTest(
  'a worker on EKS waits for its token, and says when the role does not trust it',
  async ({ cognito, directory, manifest, run, start, databaseUrl, onTestFinished }) => {
    let trusts = false;
    const asked: URLSearchParams[] = [];
    const sts = createServer(async (request, response) => {
      asked.push(new URLSearchParams((await request.toArray()).join('')));
      response.writeHead(trusts ? 200 : 403).end(trusts ? issued : refused);
    }).listen(0, '127.0.0.1');
    await once(sts, 'listening');
    onTestFinished(() => sts.closeAllConnections());
    onTestFinished(() => void sts.close());
    cognito.addPool({ id: POOL, users: [{ email: ADA }] });
    await manifest({ tenants: [{ seeds: [ADA] }] });
    await run('produce');

    const token = join(directory, 'token');
    const worker = start('work', {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${(sts.address() as AddressInfo).port}`, // no pipe
    });
    await untilStates(databaseUrl, { [ADA]: 'retrying: credentials-unavailable' });

    await writeFile(token, TOKEN);
    await untilStates(databaseUrl, { [ADA]: 'blocked: assume-role-refused' });

    trusts = true;
    await run('replay --all');
    await untilStates(databaseUrl, { [ADA]: 'granted' });
    expect(asked.map((form) => [form.get('RoleArn'), form.get('WebIdentityToken')])).toContainEqual([ROLE, TOKEN]);
    expect(worker.stderr).not.toContain(TOKEN);
  },
);
