import { expect, test } from 'vitest';
import { ManifestError } from '../../../../src/producer/manifest/manifest-error.ts';
import { ADMIN, HEADER, problemsOf, read, tenants } from './manifest-files-on-disk.ts';

test('ten mistakes of different kinds are ten problems, each in its place', async () => {
  const result = await read(`version: 2
name: flip
roels: {}
roles:
  admin: { id: 64d3145b-034c-4328-b637-8eb54313b7c5, name: Admin }
  root: { id: nope, name: Root }
tenants:
  - id: flip
    userPool: { id: eu-west-2_AbCdEfGhI, region: eu-wets-2 }
    grants: { databaseUrlEnv: "postgres://u:p@h/db" }
    seeds:
      - { email: "\${NOT_SET}", roles: [admin] }
      - { email: not-an-email, roles: [admn] }
      - { email: b@example.org, roles: [admin] }
      - { email: " B@example.org", roles: [root] }
      - { email: c@example.org, roles: [admin], onMissing: skp }
  - id: flip
    userPool: { id: eu-west-2_AbCdEfGhI }
    seeds: []
`);
  expect(problemsOf(result)).toEqual([
    '1:10 version: expected 1, the version of this format',
    '3:1 unknown key "roels"; did you mean "roles"?',
    '6:15 roles.root.id: expected a UUID',
    '9:50 tenants[0].userPool.region: expected an AWS region, like eu-west-2; did you mean "eu-west-2"?',
    '10:31 tenants[0].grants.databaseUrlEnv: this is a URL; expected the name of the environment variable that holds the URL',
    '12:18 the environment variable NOT_SET is not set',
    '13:18 tenants[0].seeds[1].email: expected an email address, like name@example.org',
    '13:40 no role has this key; did you mean "admin"?',
    '15:18 this email has other roles, another onMissing or another mode at rolecall.yaml:14:18',
    '16:60 tenants[0].seeds[4].onMissing: expected block, skip or wait; did you mean "skip"?',
    '17:9 this tenant has the same id as the one at rolecall.yaml:8:9',
    '18:15 tenants[1].userPool: "region" is missing',
    '19:12 tenants[1].seeds: expected at least one seed: a tenant that names nobody must not open a gate',
  ]);
});

test.for<[why: string, text: string, problems: string[]]>([
  ['an empty file', '', ['1:1 the file is empty']],
  ['a file of comments', '# nothing\n', ['1:1 the file is empty']],
  ['a list', '- a\n', ['1:1 expected a mapping with keys like version, name, roles and tenants']],
  ['a text', '# c\n  hello\n', ['2:3 expected a mapping with keys like version, name, roles and tenants']],
  [
    'a mapping without anything',
    '{}',
    ['1:1 "version" is missing', '1:1 "name" is missing', '1:1 "roles" is missing', '1:1 "tenants" is missing'],
  ],
  ['no tenants', `${HEADER}tenants: []\n`, ['6:10 tenants: expected at least one tenant']],
  ['nothing where tenants should be', `${HEADER}tenants:\n`, ['6:9 tenants: expected a list, found nothing']],
  ['two documents', `${HEADER}${tenants(ADMIN)}---\na: 1\n`, ['11:1 a second document begins here; a file holds one']],
  ['a key twice', `name: flop\n${HEADER}${tenants(ADMIN)}`, ['3:1 this key stands here for the second time']],
  ['a list for a key', `${HEADER}? [a]\n: b\n`, ['6:3 a key must be a string']],
  ['a tag', `${HEADER}${tenants(ADMIN.replace('[admin]', '!!set [admin]'))}`, ['10:44 tags are not supported']],
  [
    'a tag of its own',
    `${HEADER}${tenants(ADMIN.replace('[admin]', '[!env admin]'))}`,
    ['10:45 tags are not supported'],
  ],
  [
    'an alias of nothing',
    `${HEADER}${tenants(ADMIN.replace('[admin]', '*gone'))}`,
    ['10:44 this alias has no anchor that ends before it'],
  ],
  ['an alias of what it is in', `${HEADER}tenants: &t [*t]\n`, ['6:14 this alias has no anchor that ends before it']],
  ['tabs', 'name:\n\t- b\n', ['2:1 not valid YAML: Tabs are not allowed as indentation']],
  [
    'an unfinished list',
    'name: [a\n',
    ['2:1 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
])('%s is a problem, not a crash', async ([, text, problems]) => {
  expect(problemsOf(await read(text))).toEqual(problems);
});

test('a bottomless pit is a problem, not a crash', async () => {
  const found = problemsOf(await read('['.repeat(20_000)));
  expect(found).toEqual([expect.stringMatching(/^1:\d+ nested too deeply$/)]); // where depends on the size of the stack
});

const pool = (settings: string) => HEADER + tenants(ADMIN).replace(/userPool: .*/, `userPool: ${settings}`);
const withSettings = (settings: string) => HEADER + tenants(ADMIN, `    ${settings}\n`);
const withSeed = (seed: string) => HEADER + tenants(`      - ${seed}\n`);
const IDS = 'id: eu-west-2_AbCdEfGhI, region: eu-west-2';

test.for<[why: string, text: string, problem: RegExp]>([
  ['a number for a text', HEADER.replace('flip', '7'), /^2:7 name: expected a string, found a number$/],
  ['a list for a mapping', pool('[]'), /^8:15 tenants\[0\]\.userPool: expected a mapping, found a list$/],
  [
    'a text for a switch',
    withSettings('identity: { requireVerifiedEmail: "no" }'),
    /^9:\d+ .* expected true or false, found a string$/,
  ],
  [
    'a pool id that is an ARN',
    pool('{ id: "arn:aws:x", region: eu-west-2 }'),
    /^8:21 .* expected the id of a user pool/,
  ],
  [
    'a pool id that is too long',
    pool(`{ id: eu-west-2_${'a'.repeat(60)}, region: eu-west-2 }`),
    /^8:21 .* at most 55 characters$/,
  ],
  [
    'a region of no partition',
    pool('{ id: eu-west-2_AbCdEfGhI, region: london }'),
    /^8:50 .* expected an AWS region, like eu-west-2$/,
  ],
  ['an endpoint without a scheme', pool(`{ ${IDS}, endpoint: "localhost:9229" }`), /expected an http or https URL$/],
  [
    'an endpoint with a password',
    pool(`{ ${IDS}, endpoint: "http://u:secret@h" }`),
    /expected a URL without user and password$/,
  ],
  [
    'an endpoint with a query',
    pool(`{ ${IDS}, endpoint: "http://h/?a" }`),
    /expected a URL without query and fragment$/,
  ],
  [
    'an ARN of a user',
    pool(`{ ${IDS}, assumeRole: { arn: "arn:aws:iam::111122223333:user/x" } }`),
    /expected the ARN of an IAM role/,
  ],
  [
    'a short external id',
    pool(`{ ${IDS}, assumeRole: { arn: "arn:aws:iam::111122223333:role/x", externalId: a } }`),
    /expected at least 2 characters$/,
  ],
  ['a rate of nothing', pool(`{ ${IDS}, requestsPerSecond: 0 }`), /expected more than 0$/],
  ['a rate beyond reason', pool(`{ ${IDS}, requestsPerSecond: 1000001 }`), /expected at most 1000000$/],
  ['a lookup that is none', pool(`{ ${IDS}, lookup: get }`), /expected ListUsers or AdminGetUser$/],
  ['an infinite rate', pool(`{ ${IDS}, requestsPerSecond: .inf }`), /expected/],
  [
    'a variable for the name of a variable',
    withSettings('grants: { databaseUrlEnv: "${DB}" }'),
    /nothing is substituted here/,
  ],
  [
    'a variable name in lower case',
    withSettings('grants: { databaseUrlEnv: db }'),
    /expected the name of an environment variable/,
  ],
  [
    'a schema that needs quotes',
    withSettings('grants: { schema: My-Schema }'),
    /expected the name of a PostgreSQL schema/,
  ],
  ['a seed without roles', withSeed('{ email: a@example.org, roles: [] }'), /^10:\d+ .*: expected at least one role$/],
  ['a seed without an email', withSeed('{ roles: [admin] }'), /^10:9 tenants\[0\]\.seeds\[0\]: "email" is missing$/],
  ['a seed that is an email', withSeed('a@example.org'), /^10:9 .* expected a mapping, found a string$/],
  [
    'a key from a newer version',
    withSeed('{ email: a@b, roles: [admin], scope: x }'),
    /unknown key "scope"; expected email, roles, onMissing or mode$/,
  ],
  [
    'a merge key',
    withSeed('{ email: a@b, roles: [admin], <<: {} }'),
    /unknown key "…"; expected email, roles, onMissing or mode$/,
  ],
  [
    'a role with a blank name',
    HEADER.replace('name: Admin', 'name: " "'),
    /^4:60 roles\.admin\.name: expected at least 1 character$/,
  ],
  [
    'two roles with one id',
    HEADER.replace(/cdee[^,]*/, '64D3145B-034C-4328-B637-8EB54313B7C5'),
    /^5:3 roles: this role has the same id as the one at rolecall\.yaml:4:3$/,
  ],
  [
    'two roles with one name',
    HEADER.replace('Observer', 'Admin'),
    /^5:3 roles: this role has the same name as the one at rolecall\.yaml:4:3$/,
  ],
  ['a role key with an @', HEADER.replace('observer:', 'a@b:'), /^5:\d+ roles\.…: expected 1 to 63 of letters/],
  ['a key named like the prototype', `${HEADER}__proto__: {}\n`, /^6:1 unknown key "__proto__"/],
  [
    'a seed with other roles',
    HEADER + tenants(`${ADMIN}      - { email: ADMIN@example.org, roles: [observer] }\n`),
    /^11:18 this email has other roles, another onMissing or another mode at rolecall\.yaml:10:18$/,
  ],
  [
    'a seed with another onMissing',
    HEADER + tenants(`${ADMIN}      - { email: ADMIN@example.org, roles: [admin], onMissing: skip }\n`),
    /^11:18 this email has other roles,/,
  ],
])('%s is refused', async ([, text, problem]) => {
  const found = problemsOf(await read(text.includes('tenants:') ? text : text + tenants(ADMIN)));
  expect(found).toEqual(expect.arrayContaining([expect.stringMatching(problem)]));
});

test('roles that cannot be read do not make every seed wrong', async () => {
  const broken = HEADER.replace(/roles:[^]*/, 'roles: nothing\n') + tenants(ADMIN);
  expect(problemsOf(await read(broken))).toEqual(['3:8 roles: expected a mapping, found a string']);
});

test('a problem in what an alias stands for is reported where that stands', async () => {
  const text = `${HEADER}tenants:
  - { id: one, userPool: &pool { id: x, region: eu-west-2 }, seeds: &s [{ email: a@example.org, roles: [admin] }] }
  - { id: two, userPool: *pool, seeds: *s, grants: { databaseUrlEnv: *pool } }
`;
  expect(problemsOf(await read(text))).toEqual([
    expect.stringMatching(/^7:38 tenants\[0\]\.userPool\.id/),
    expect.stringMatching(/^7:38 tenants\[1\]\.userPool\.id/),
    expect.stringMatching(/^8:70 tenants\[1\]\.grants\.databaseUrlEnv: expected a string, found a mapping/),
  ]);
});

test('lines count from the top also when they end like those of Windows, and after a byte order mark', async () => {
  const text = `\uFEFF${HEADER}${tenants(ADMIN)}`.replace('AbCdEfGhI', '!').replaceAll('\n', '\r\n');
  expect(problemsOf(await read(text))).toEqual([expect.stringMatching(/^8:21 tenants\[0\]\.userPool\.id/)]);
});

test('no message quotes an email, a substituted value, or a URL with a password', async () => {
  const env = { SECRET: 'private@value', REGION: 'private-region' };
  const result = await read(
    `name: private@example.org
version: private@example.org
private@example.org: 1
roles: { private@example.org: { id: private@example.org, name: "", private@example.org: 1 } }
tenants:
  - id: "\${SECRET}"
    userPool: { id: "\${SECRET}", region: "\${REGION}", endpoint: "http://u:private@h" }
    grants: { databaseUrlEnv: "postgres://u:private@h/db", schema: "\${SECRET}" }
    seeds:
      - { email: "private example.org", roles: ["\${SECRET}", private@example.org] }
      - { email: "\${REGION}", roles: ["\${REGION}"], onMissing: "\${SECRET}" }
      - private@example.org: [admin]
      - private@example.org
      - { email: a@b, roles: { private@example.org: 1 } }
`,
    env,
  );
  const message = new ManifestError(result.kind === 'refused' ? result.problems : []).message;
  expect(message.split('\n').length).toBeGreaterThan(20);
  expect(message).toContain('(the value comes from SECRET)');
  expect(message).not.toContain('private');
});

test.for([
  'a: b: private@example.org',
  'a: "x" private@example.org',
  '- a\nprivate@example.org',
  'a: |private@example.org\n b',
  '%private@example.org\n---\na',
  'a: !private@x b',
  '&private@x',
  '}private@x',
])('the parser does not quote what it stumbles over: %j', async (text) => {
  const result = await read(text);
  expect(result.kind).toBe('refused');
  expect(JSON.stringify(result)).not.toContain('private');
});

test('the error lists every problem with its place', () => {
  const error = new ManifestError([
    { file: 'a.yaml', line: 1, column: 2, message: 'one' },
    { file: 'b.yaml', line: 3, column: 4, message: 'two' },
  ]);
  expect(error.message).toBe('the manifest has problems\na.yaml:1:2: one\nb.yaml:3:4: two');
  expect(error.name).toBe('ManifestError');
});
