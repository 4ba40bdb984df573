import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { manifestJsonSchema } from '../../../../src/producer/manifest/json-schema.ts';

const top = new URL('../../../../', import.meta.url);
const published = JSON.parse(readFileSync(new URL('rolecall.schema.json', top), 'utf8'));
const schema = z.fromJSONSchema(published);

test('the published schema is current: npm run schema writes it', () => {
  expect(published).toEqual(manifestJsonSchema());
});

test('the published schema accepts the sample manifest', () => {
  const sample = parse(readFileSync(new URL('rolecall.yaml', top), 'utf8'));
  expect(schema.safeParse(sample).error).toBeUndefined();
});

const userPool = { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2' };
const seeds = [{ email: 'admin@example.org', roles: ['admin'] }];

test('a file of a folder may hold tenants only', () => {
  expect(schema.safeParse({ tenants: [{ id: 'flip', userPool, seeds }] }).error).toBeUndefined();
});

test('a variable fits wherever a text does', () => {
  const file = {
    name: '${NAME}',
    roles: { admin: { id: '${ROLE}', name: '${ROLE_NAME}' } },
    tenants: [
      {
        id: '${TENANT}',
        userPool: { id: '${POOL}', region: '${REGION}', assumeRole: { arn: '${ARN}', externalId: '${ID}' } },
        grants: { schema: '${SCHEMA}' },
        seeds: [{ email: '${ADMIN_EMAIL_1}', roles: ['${KEY}'], onMissing: '${ON_MISSING}' }],
      },
    ],
  };
  expect(schema.safeParse(file).error).toBeUndefined();
});

test.for<[why: string, file: unknown]>([
  ['an unknown key', { roels: {} }],
  ['a variable in a key', { roles: { '${ROLE}': { id: '64d3145b-034c-4328-b637-8eb54313b7c5', name: 'Admin' } } }],
  [
    'a variable in the name of a variable',
    { tenants: [{ id: 'a', userPool, seeds, grants: { databaseUrlEnv: '${D}' } }] },
  ],
  ['an unknown region', { tenants: [{ id: 'a', userPool: { ...userPool, region: 'eu-wets-2' }, seeds }] }],
  ['a malformed email', { tenants: [{ id: 'a', userPool, seeds: [{ email: 'admin', roles: ['admin'] }] }] }],
])('the published schema refuses %s', ([, file]) => {
  expect(schema.safeParse(file).success).toBe(false);
});

test('every key of a manifest says in the editor what it is for', () => {
  const undescribed: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties, items, additionalProperties } = node as Record<string, unknown>;
    for (const [key, inner] of Object.entries((properties ?? {}) as Record<string, { description?: string }>)) {
      if (!inner.description) undescribed.push(`${path}.${key}`);
      visit(inner, `${path}.${key}`);
    }
    visit(items, `${path}[]`);
    visit(additionalProperties, `${path}{}`);
  };
  visit(published, '');
  expect(undescribed).toEqual([]);
});
