import { expect, test } from 'vitest';
import { Email, ManifestName, RoleId, TenantId } from '#shared/contract/ids.ts';
import type { Manifest, ManifestTenant } from '../../../src/producer/manifest/manifest.ts';
import { planSeeds } from '../../../src/producer/plan-seeds.ts';

const ADMIN = { key: 'admin', id: RoleId.parse('64d3145b-034c-4328-b637-8eb54313b7c5') };

const tenant = (id: string, ...emails: string[]): ManifestTenant => ({
  id: TenantId.parse(id),
  settings: {
    userPool: { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2', lookup: 'ListUsers', requestsPerSecond: 20 },
    identity: { requireVerifiedEmail: true, onDisabled: 'skip' },
    grants: { databaseUrlEnv: 'DATABASE_URL', schema: 'public' },
  },
  seeds: emails.map((email) => ({ email: Email.parse(email), roles: [ADMIN], onMissing: 'block', mode: 'ensure' })),
});

const manifest = (...tenants: ManifestTenant[]): Manifest => ({
  name: ManifestName.parse('flip'),
  roles: [],
  gate: { onTransient: 'tolerate' },
  tenants,
});

test('tenants take turns; every seed gets its label, and its place among the seeds of its tenant', () => {
  const a = tenant('a', 'ada@x.org', 'bob@x.org', 'eve@x.org');
  const planned = [...planSeeds(manifest(a, tenant('b', 'ada@x.org'), tenant('c', 'ada@x.org', 'bob@x.org')))];
  expect(planned.map(({ tenant: id, label, ordinal }) => [id, label, ordinal])).toEqual([
    ['a', 'a•••a@x.org', 0],
    ['b', 'a•••a@x.org', 0],
    ['c', 'a•••a@x.org', 0],
    ['a', 'b•••b@x.org', 1],
    ['c', 'b•••b@x.org', 1],
    ['a', 'e•••e@x.org', 2],
  ]);
});

test('the email, its roles and what becomes of a missing user are taken over', () => {
  expect([...planSeeds(manifest(tenant('a', 'ada@x.org')))]).toEqual([
    {
      tenant: 'a',
      email: 'ada@x.org',
      label: 'a•••a@x.org',
      roles: [ADMIN],
      onMissing: 'block',
      mode: 'ensure',
      ordinal: 0,
    },
  ]);
});
