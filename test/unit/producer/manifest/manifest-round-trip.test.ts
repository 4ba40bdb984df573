import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { emailKey } from '#shared/contract/ids.ts';
import { AWS_REGIONS } from '../../../../src/producer/manifest/aws-regions.ts';
import type { ManifestRead } from '../../../../src/producer/manifest/read-manifest.ts';
import { read } from './manifest-files-on-disk.ts';

/** What may stand in a manifest file, with nothing left out; `${` would be a variable. */
const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !value.includes('${'));
const id = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/);
const email = fc.stringMatching(/^[A-Za-z0-9'+._-]{1,12}@[A-Za-z0-9-]{1,8}\.[a-z]{2,4}$/);
const onMissing = fc.constantFrom('block', 'skip', 'wait');
const mode = fc.constantFrom('ensure', 'bootstrap');

const roles = fc
  .uniqueArray(
    fc.record({ key: id, name: text.filter((name) => name.trim() !== ''), description: text, id: fc.uuid() }),
    {
      minLength: 1,
      maxLength: 4,
      selector: ({ key }) => key,
      comparator: 'IsStrictlyEqual',
    },
  )
  .map((list) => list.map((role, index) => ({ ...role, name: `${index}${role.name.trim()}` })));

const settings = fc.record({
  userPool: fc.record(
    {
      id: fc.stringMatching(/^[a-z]{2}-[a-z]{4}-\d_[0-9a-zA-Z]{1,9}$/),
      region: fc.constantFrom(...AWS_REGIONS),
      endpoint: fc.webUrl().filter((url) => !url.includes('${')),
      assumeRole: fc.record({
        arn: fc.stringMatching(/^arn:aws:iam::\d{12}:role\/[\w+=,.@-]{1,9}$/),
        externalId: fc.stringMatching(/^[\w+=,.@:/-]{2,9}$/),
      }),
      lookup: fc.constantFrom('ListUsers', 'AdminGetUser'),
      requestsPerSecond: fc.double({ min: 0.001, max: 1000, noNaN: true }),
    },
    { requiredKeys: ['id', 'region', 'lookup', 'requestsPerSecond'] },
  ),
  identity: fc.record({ requireVerifiedEmail: fc.boolean(), onDisabled: fc.constantFrom('skip', 'block', 'grant') }),
  grants: fc.record({
    databaseUrlEnv: fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,9}$/),
    schema: fc.stringMatching(/^[a-z_][a-z0-9_]{0,9}$/),
  }),
});

const manifest = roles.chain((list) => {
  const keys = list.map(({ key }) => key);
  const seed = fc.record({ email, roles: fc.subarray(keys, { minLength: 1 }), onMissing, mode });
  const seeds = fc.uniqueArray(seed, { minLength: 1, maxLength: 5, selector: (one) => emailKey(one.email) });
  const tenant = fc.record({ id, settings, seeds });
  return fc.record({
    name: id,
    roles: fc.constant(list),
    gate: fc.record({ onTransient: fc.constantFrom('tolerate', 'hold') }),
    tenants: fc.uniqueArray(tenant, { minLength: 1, maxLength: 3, selector: (one) => one.id }),
  });
});
type Written = typeof manifest extends fc.Arbitrary<infer Value> ? Value : never;

function fileOf({ name, roles: list, gate, tenants }: Written): object {
  return {
    version: 1,
    name,
    roles: Object.fromEntries(list.map(({ key, ...role }) => [key, role])),
    gate,
    tenants: tenants.map(({ id: tenantId, settings: own, seeds }) => ({ id: tenantId, ...own, seeds })),
  };
}

/** Each run writes files: enough to find what breaks over a few days of runs, without making the suite slow. */
const RUNS = { numRuns: 20 };

const digestOf = (result: ManifestRead) => (result.kind === 'read' ? result.digest : result.problems);

test('any manifest, written as YAML or JSON, is read as it was meant', async () => {
  await fc.assert(
    fc.asyncProperty(manifest, async (meant) => {
      const ids = new Map(meant.roles.map((role) => [role.key, role.id]));
      const expected = {
        name: meant.name,
        roles: Object.keys(Object.fromEntries(ids)).map((key) => {
          const { id: roleId, name, description } = meant.roles.find((role) => role.key === key) ?? {};
          return { id: roleId, name, description };
        }),
        gate: meant.gate,
        tenants: meant.tenants.map((tenant) => ({
          ...tenant,
          seeds: tenant.seeds.map((seed) => ({ ...seed, roles: seed.roles.map((key) => ({ key, id: ids.get(key) })) })),
        })),
      };
      const yaml = await read(stringify(fileOf(meant)));
      const json = await read(JSON.stringify(fileOf(meant)), {}, 'rolecall.json');
      expect(yaml).toEqual({ kind: 'read', digest: expect.stringMatching(/^[0-9a-f]{64}$/), manifest: expected });
      expect(json).toEqual(yaml);
    }),
    RUNS,
  );
});

test('the digest depends neither on order nor on the case of emails', async () => {
  const reverse = (value: object): object =>
    Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, inner]) => [key, isPlain(inner) ? reverse(inner) : inner]),
    );
  await fc.assert(
    fc.asyncProperty(manifest, async (meant) => {
      const tenants = meant.tenants.toReversed().map((tenant) => ({
        ...tenant,
        seeds: tenant.seeds.toReversed().map((seed) => ({
          ...reverse(seed),
          email: seed.email.toUpperCase(),
          roles: seed.roles.toReversed(),
        })),
      }));
      const mirrored = reverse({
        ...fileOf(meant),
        tenants: fileOf({ ...meant, tenants } as Written)['tenants' as never],
      });
      expect(digestOf(await read(stringify(mirrored)))).toBe(digestOf(await read(stringify(fileOf(meant)))));
    }),
    RUNS,
  );
});

test('the digest depends on everything else', async () => {
  const base = { version: 1, name: 'a', roles: { r: { id: ROLE, name: 'R' } }, tenants: [tenantWith({})] };
  const others = [
    { ...base, name: 'b' },
    { ...base, gate: { onTransient: 'hold' } },
    { ...base, defaults: { onMissing: 'skip' } },
    { ...base, roles: { r: { id: ROLE, name: 'S' } } },
    { ...base, roles: { r: { id: ROLE, name: 'R' }, s: { id: ROLE.replace('6', '7'), name: 'S' } } },
    { ...base, tenants: [tenantWith({ id: 'u' })] },
    { ...base, tenants: [tenantWith({ identity: { onDisabled: 'block' } })] },
    { ...base, tenants: [tenantWith({ userPool: { ...POOL, lookup: 'AdminGetUser', requestsPerSecond: 20 } })] },
    { ...base, tenants: [tenantWith({ seeds: [{ email: 'b@example.org', roles: ['r'] }] })] },
    { ...base, tenants: [tenantWith({ seeds: [{ email: 'a@example.org', roles: ['r'], onMissing: 'wait' }] })] },
  ];
  const digests = await Promise.all([base, ...others].map(async (file) => digestOf(await read(JSON.stringify(file)))));
  expect(new Set(digests).size).toBe(others.length + 1);
  expect(digests.every((digest) => typeof digest === 'string')).toBe(true);
});

test('any text at all is a manifest or refused with places, never a crash', async () => {
  const scrap = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '\n',
      '  ',
      '- ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '|',
      '"',
      '---\n',
      'tenants',
      'seeds',
      'roles',
      '<<',
      '? ',
      '!x ',
      '${',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(scrap, { maxLength: 40 }), async (scraps) => {
      const result = await read(scraps.join(''));
      expect(result).toMatchObject({
        kind: 'refused',
        problems: expect.arrayContaining([
          { file: 'rolecall.yaml', line: expect.any(Number), column: expect.any(Number), message: expect.any(String) },
        ]),
      });
    }),
    RUNS,
  );
});

const POOL = { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2' };
const ROLE = '64d3145b-034c-4328-b637-8eb54313b7c5';

function tenantWith(change: object): object {
  return { id: 't', userPool: POOL, seeds: [{ email: 'a@example.org', roles: ['r'] }], ...change };
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
