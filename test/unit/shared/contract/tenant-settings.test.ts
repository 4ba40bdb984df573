import { expect, test } from 'vitest';
import { SeedRole } from '#shared/contract/roles.ts';
import { TenantSettings } from '#shared/contract/tenant-settings.ts';

test('what a producer of an earlier version recorded can be read', () => {
  const recorded = {
    userPool: { id: 'eu-west-2_AbCdEfGhI', region: 'eu-west-2', requestsPerSecond: 20 },
    identity: { requireVerifiedEmail: true, onDisabled: 'skip' },
    grants: { databaseUrlEnv: 'DATABASE_URL', schema: 'public' },
  };
  expect(TenantSettings.parse(recorded)).toEqual({
    ...recorded,
    userPool: { ...recorded.userPool, lookup: 'ListUsers' },
  });
  const role = { key: 'admin', id: '64d3145b-034c-4328-b637-8eb54313b7c5' };
  expect(SeedRole.parse(role)).toEqual(role);
});
