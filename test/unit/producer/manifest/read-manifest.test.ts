import { expect, test } from 'vitest';
import { readManifest } from '../../../../src/producer/manifest/read-manifest.ts';
import { ADMIN, HEADER, problemsOf, read, tenants } from './manifest-files-on-disk.ts';

const ADMIN_ROLE = { key: 'admin', id: '64d3145b-034c-4328-b637-8eb54313b7c5' };
const OBSERVER_ROLE = { key: 'observer', id: 'cdee79c9-a5e1-4b9e-a315-1ec2f3d29efe' };

test('the sample manifest can be read as it is', async () => {
  const result = await readManifest('rolecall.yaml', {});
  expect(problemsOf(result)).toMatchObject({ name: 'flip', tenants: [{ id: 'flip', seeds: { length: 5 } }] });
});

test('what a manifest leaves out is filled in', async () => {
  expect(problemsOf(await read(HEADER + tenants(ADMIN)))).toEqual({
    name: 'flip',
    roles: [
      { id: ADMIN_ROLE.id, name: 'Admin', description: '' },
      { id: OBSERVER_ROLE.id, name: 'Observer', description: '' },
    ],
    gate: { onTransient: 'tolerate' },
    tenants: [
      {
        id: 'flip',
        settings: {
          userPool: { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 },
          identity: { requireVerifiedEmail: true, onDisabled: 'skip' },
          grants: { databaseUrlEnv: 'DATABASE_URL', schema: 'public' },
        },
        seeds: [{ email: 'admin@example.org', roles: [ADMIN_ROLE], onMissing: 'block', mode: 'ensure' }],
      },
    ],
  });
});

test.for([
  ['ListUsers', '', 20],
  ['AdminGetUser', '', 80],
  ['AdminGetUser', 'requestsPerSecond: 5', 5],
])('lookup: %s { %s } takes its share of its own quota', async ([lookup, rate, requestsPerSecond]) => {
  const text = `${HEADER}tenants:
  - id: flip
    userPool: { id: eu-west-2_AbCdEfGhI, region: eu-west-2, lookup: ${lookup}, ${rate} }
    seeds: [{ email: admin@example.org, roles: [admin] }]
`;
  const userPool = { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2', lookup, requestsPerSecond };
  expect(problemsOf(await read(text))).toMatchObject({ tenants: [{ settings: { userPool } }] });
});

test('what a manifest says is kept', async () => {
  const text = `${HEADER}defaults: { onMissing: wait }
gate: { onTransient: hold }
tenants:
  - id: flip
    userPool:
      id: eu-west-2_AbCdEfGhI
      region: eu-west-2
      endpoint: http://127.0.0.1:9229
      assumeRole: { arn: "arn:aws-us-gov:iam::111122223333:role/a/b/rolecall", externalId: "ab:/-" }
      requestsPerSecond: 0.5
    identity: { requireVerifiedEmail: false, onDisabled: grant }
    grants: { databaseUrlEnv: FLIP_DATABASE_URL, schema: flip }
    seeds:
      - { email: " Admin@Example.org ", roles: [observer, admin, observer] }
      - { email: demo@example.org, roles: [admin], onMissing: skip }
`;
  expect(problemsOf(await read(text))).toMatchObject({
    gate: { onTransient: 'hold' },
    tenants: [
      {
        settings: {
          userPool: {
            endpoint: 'http://127.0.0.1:9229',
            assumeRole: { arn: 'arn:aws-us-gov:iam::111122223333:role/a/b/rolecall', externalId: 'ab:/-' },
            requestsPerSecond: 0.5,
          },
          identity: { requireVerifiedEmail: false, onDisabled: 'grant' },
          grants: { databaseUrlEnv: 'FLIP_DATABASE_URL', schema: 'flip' },
        },
        seeds: [
          { email: 'Admin@Example.org', roles: [OBSERVER_ROLE, ADMIN_ROLE], onMissing: 'wait' },
          { email: 'demo@example.org', roles: [ADMIN_ROLE], onMissing: 'skip' },
        ],
      },
    ],
  });
});

test('variables are substituted in values', async () => {
  const seeds = '      - { email: "${FIRST}.${LAST}@example.org", roles: ["${ROLE}"] }\n';
  const result = await read(HEADER + tenants(seeds), { FIRST: 'ada', LAST: 'l', ROLE: 'admin' });
  expect(problemsOf(result)).toMatchObject({
    tenants: [{ seeds: [{ email: 'ada.l@example.org', roles: [ADMIN_ROLE] }] }],
  });
});

test('a tab-indented JSON file with its schema is a manifest too', async () => {
  const userPool = { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2' };
  const roles = { admin: { id: ADMIN_ROLE.id, name: 'Admin' } };
  const seeds = [{ email: 'ad\u00e9@example.org', roles: ['admin'] }];
  const file = {
    $schema: './rolecall.schema.json',
    version: 1,
    name: 'flip',
    roles,
    tenants: [{ id: 'a', userPool, seeds }],
  };
  const text = JSON.stringify(file, null, '\t').replace('é', '\\u00e9');
  expect(problemsOf(await read(text, {}, 'rolecall.json'))).toMatchObject({
    tenants: [{ seeds: [{ email: 'adé@example.org' }] }],
  });
});

test('anchors and aliases spare repetition', async () => {
  const text = `${HEADER}tenants:
  - id: one
    userPool: &pool { id: eu-west-2_AbCdEfGhI, region: "\${REGION}" }
    seeds: &seeds [{ email: admin@example.org, roles: [admin] }]
  - { id: two, userPool: *pool, seeds: *seeds }
`;
  const region = 'eu-west-2';
  expect(problemsOf(await read(text, { REGION: region }))).toMatchObject({
    tenants: [
      { settings: { userPool: { region } }, seeds: { length: 1 } },
      { settings: { userPool: { region } }, seeds: { length: 1 } },
    ],
  });
});

test('a seed that says the same thing twice is one seed', async () => {
  const twice = `      - { email: admin@example.org, roles: [admin, observer], onMissing: block }
      - { email: " ADMIN@example.org", roles: [observer, admin, admin] }
`;
  expect(problemsOf(await read(HEADER + tenants(twice)))).toMatchObject({
    tenants: [{ seeds: [{ email: 'admin@example.org' }] }],
  });
});

test('one email may hold different roles in different tenants', async () => {
  const other = tenants('      - { email: admin@example.org, roles: [observer] }\n').replace('tenants:\n', '');
  const text = HEADER + tenants(ADMIN) + other.replace('id: flip', 'id: flop');
  expect(problemsOf(await read(text))).toMatchObject({ tenants: { length: 2 } });
});
