import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ManifestRead } from '../../../../src/producer/manifest/read-manifest.ts';
import { ADMIN, HEADER, problemsOf, read, tenants } from './manifest-files-on-disk.ts';

const ROLES = HEADER.replace(
  / {2}observer/,
  '  researcher: { id: 10b64ed0-bc90-4c01-9cc3-933c704905c1, name: Researcher }\n  observer',
);
const ENV = { ADMIN_EMAIL: 'admin@example.org', SUPPORT_EMAIL: 'support@example.org' };

/** The examples of docs/tables.md. */
const EXAMPLES = [
  ...readFileSync(new URL('../../../../docs/tables.md', import.meta.url), 'utf8').matchAll(
    /^```yaml\n([\s\S]*?)^```/gm,
  ),
].map(([, block = '']) => ROLES + block);

const grantsOf = (result: ManifestRead) =>
  result.kind === 'read' ? result.manifest.tenants[0]?.settings.grants : result;
const seedsOf = (result: ManifestRead) => (result.kind === 'read' ? result.manifest.tenants[0]?.seeds : result);

test("FLIP's first tables", async () => {
  const result = await read(EXAMPLES[0] ?? '', ENV);
  expect(grantsOf(result)).toEqual({
    databaseUrlEnv: 'FLIP_DATABASE_URL',
    schema: 'public',
    table: { name: 'user_role', columns: { userId: 'user_id', roleId: 'role_id', id: 'id' }, constants: {} },
  });
  expect(seedsOf(result)).toMatchObject([{ mode: 'ensure', roles: [{ key: 'admin', id: expect.any(String) }] }]);
});

test("FLIP's later tables: roles by name and scope, and a mode per seed", async () => {
  const result = await read(EXAMPLES[1] ?? '', ENV);
  expect(grantsOf(result)).toMatchObject({
    table: {
      columns: { userId: 'user_id', roleId: 'role_id', id: 'id', scope: 'trust_id' },
      roles: { table: 'roles', id: 'id', name: 'name' },
    },
  });
  expect(seedsOf(result)).toEqual([
    {
      email: 'admin@example.org',
      onMissing: 'block',
      mode: 'bootstrap',
      roles: [
        { key: 'admin', name: 'Admin' },
        { key: 'researcher', name: 'Researcher', scope: '0b1c7f3e-1111-4222-8333-444455556666' },
      ],
    },
    expect.objectContaining({ email: 'support@example.org', mode: 'ensure' }),
  ]);
});

const TABLE = '    grants: { table: { name: user_role } }\n';
const withTable = (table: string, seeds = ADMIN) => HEADER + tenants(seeds, `    grants: { table: ${table} }\n`);

test.for<[why: string, text: string, problem: RegExp]>([
  [
    'a mistyped column',
    withTable('{ name: t, columns: { user: u } }'),
    /^9:44 tenants\[0\]\.grants\.table\.columns: unknown key "user"; did you mean "userId"\?$/,
  ],
  ['a table without a name', withTable('{ columns: {} }'), /^9:22 tenants\[0\]\.grants\.table: "name" is missing$/],
  ['a table with its schema', withTable('{ name: flip.user_role }'), /^9:30 .*expected a name as PostgreSQL stores it/],
  ['a name that ends a quote', withTable(`{ name: 'a"; drop' }`), /^9:30 .*expected a name as PostgreSQL stores it/],
  [
    'a column named twice',
    withTable('{ name: t, columns: { scope: user_id } }'),
    /^9:51 tenants\[0\]\.grants\.table\.columns\.scope: this column is named for userId already$/,
  ],
  [
    'a constant for a column that is mapped',
    withTable('{ name: t, constants: { role_id: 1 } }'),
    /^9:55 tenants\[0\]\.grants\.table\.constants\.role_id: this column is named for roleId already$/,
  ],
  [
    'a constant that is a list',
    withTable('{ name: t, constants: { a: [] } }'),
    /^9:49 tenants\[0\]\.grants\.table\.constants\.a: expected a text of 1 to 200 characters, without control characters, or a whole number$/,
  ],
  [
    'a value for a column that is not named',
    withTable('{ name: t, tenantValue: 7 }'),
    /^9:46 .*tenantValue: no column holds it: name one by columns\.tenant or roles\.tenant$/,
  ],
  ['an unknown mode', HEADER + tenants(ADMIN, '    grants: { mode: bootsrap }\n'), /did you mean "bootstrap"\?$/],
  [
    'a scope where the managed tables have none',
    HEADER + tenants('      - { email: a@b, roles: [{ role: admin, scope: x }] }\n'),
    /^10:53 the grants of this tenant have no scope: name its column by grants\.table\.columns$/,
  ],
  [
    'a scope where no column is named for it',
    HEADER + tenants('      - { email: a@b, roles: [{ role: admin, scope: x }] }\n', TABLE),
    /^11:53 the grants of this tenant have no scope: name its column by grants\.table\.columns$/,
  ],
  [
    'a mistyped key of a role',
    HEADER + tenants('      - { email: a@b, roles: [{ role: admin, scop: x }] }\n'),
    /^10:46 tenants\[0\]\.seeds\[0\]\.roles\[0\]: unknown key "scop"; did you mean "scope"\?$/,
  ],
  [
    'a role within a scope that nobody defined',
    HEADER + tenants('      - { email: a@b, roles: [{ role: admn }] }\n'),
    /^10:39 no role has this key; did you mean "admin"\?$/,
  ],
  [
    'a role without an id where none is looked up',
    withTable('{ name: t }').replace(/id: 64[^,]*, /, ''),
    /^11:45 this role has no id: give it one, or look it up by its name with grants\.table\.roles$/,
  ],
  [
    'a role without an id for the managed tables',
    (HEADER + tenants(ADMIN)).replace(/id: 64[^,]*, /, ''),
    /^4:10 roles\.admin: "id" is missing$/,
  ],
  [
    'a number for an id in the managed tables',
    (HEADER + tenants(ADMIN)).replace(/id: 64[^,]*/, 'id: 7'),
    /^4:16 roles\.admin\.id: expected a UUID$/,
  ],
  [
    'a schema in capitals for the managed tables',
    HEADER + tenants(ADMIN, '    grants: { schema: Flip }\n'),
    /schema in lower case/,
  ],
])('%s is refused in its place', async ([, text, problem]) => {
  expect(problemsOf(await read(text))).toEqual([expect.stringMatching(problem)]);
});

test('with tables of its own, a tenant may have ids of any kind and a schema in capitals', async () => {
  const text = (HEADER + tenants(ADMIN, '    grants: { schema: Flip-7, table: { name: UserRole } }\n')).replace(
    /id: 64[^,]*/,
    'id: 7',
  );
  expect(seedsOf(await read(text))).toMatchObject([{ roles: [{ key: 'admin', id: '7' }] }]);
});

const withScope = (value: string) =>
  withTable(
    `{ name: t, columns: { scope: s }, constants: { a: ${value} } }`,
    `      - { email: a@b, roles: [{ role: admin, scope: ${value} }] }\n`,
  );

test.for(['0042', '+7', '12E3', '0x1F', '0o17', '7.0', '12345678901234567890'])(
  'a scope that would become another one is refused: %s',
  async (scope) => {
    const message = `YAML reads the number ${Number(scope)} here: write that, or put a text into quotes`;
    const [first, second] = problemsOf(await read(withScope(scope))) as string[];

    expect([first, second]).toEqual([expect.stringContaining(message), expect.stringContaining(message)]);
    expect(problemsOf(await read(withScope(`"${scope}"`)))).toMatchObject({
      tenants: [{ seeds: [{ roles: [{ scope }] }], settings: { grants: { table: { constants: { a: scope } } } } }],
    });
  },
);

test('one role in two scopes is two roles; in one, it is one', async () => {
  const roles =
    '[admin, { role: admin, scope: x }, { role: admin, scope: 7 }, { role: admin, scope: " x" }, { role: admin }]';
  const text = withTable('{ name: t, columns: { scope: s } }', `      - { email: a@b, roles: ${roles} }\n`);
  const admin = { key: 'admin', id: '64d3145b-034c-4328-b637-8eb54313b7c5' };
  const expected = [admin, { ...admin, scope: 'x' }, { ...admin, scope: '7' }];
  expect(seedsOf(await read(text))).toEqual([expect.objectContaining({ roles: expected })]);
});

async function digest(text: string): Promise<unknown> {
  const result = await read(text);
  return result.kind === 'read' ? result.digest : result;
}

test('a manifest of an earlier version keeps its digest, and every new key changes it', async () => {
  const plain = await digest(HEADER + tenants(ADMIN));
  expect(plain).toBe(DIGEST_OF_0_1);
  const scope = '{ name: t, columns: { scope: s } }';
  const others = await Promise.all([
    digest(HEADER + tenants(ADMIN, '    grants: { mode: bootstrap }\n')),
    digest(withTable('{ name: t }')),
    digest(withTable('{ name: u }')),
    digest(withTable('{ name: t, constants: { a: b } }')),
    digest(withTable(scope)),
    digest(withTable(scope, ADMIN.replace('[admin]', '[{ role: admin, scope: x }]'))),
    digest(withTable(scope, ADMIN.replace('[admin]', '[{ role: admin, scope: y }]'))),
  ]);
  expect(new Set([plain, ...others]).size).toBe(8);
});

const DIGEST_OF_0_1 = '85d1ff158fdc15eea883e8864b9ad0aa7dfa9d2648e221c34af57d7dc3c68b00';
