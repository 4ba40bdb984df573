import { expect, test } from 'vitest';
import { createCognitoClients } from '../../../../src/worker/cognito/cognito-clients.ts';
import { SigningHash } from '../../../../src/worker/cognito/signing-hash.ts';

test('clients sign by our hash, and filter no answer for a log', () => {
  using clients = createCognitoClients({ stsEndpointIsConfigured: false });
  const client = clients.clientFor({
    id: 'eu-west-2_AbCdEfGhI',
    region: 'eu-west-2',
    lookup: 'ListUsers',
    requestsPerSecond: 20,
  });

  expect(client.config.sha256).toBe(SigningHash);
  const middleware = client.middlewareStack.identify();
  expect(middleware.join()).toContain('retryMiddleware'); // so names are as they were
  expect(middleware.join()).not.toContain('loggerMiddleware');
});
