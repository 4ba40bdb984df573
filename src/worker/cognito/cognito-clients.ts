import type { AgentOptions } from 'node:https';
import { CognitoIdentityProviderClient } from '@aws-sdk/client-cognito-identity-provider';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { SigningHash } from './signing-hash.ts';
import type { UserPool } from './user-directory.ts';

export interface CognitoClients extends Disposable {
  /** One client for all pools that the same role reads in the same region. */
  clientFor(pool: UserPool): CognitoIdentityProviderClient;
  /** Forgets the client of this pool: expired credentials are never refreshed by the client that holds them. */
  evict(pool: UserPool): void;
}

export interface CognitoClientsOptions {
  /** `AWS_ENDPOINT_URL_STS` or `AWS_ENDPOINT_URL` is set: the SDK finds STS itself. */
  readonly stsEndpointIsConfigured: boolean;
  /** The variables that name proxies (Node.js docs: Built-in Proxy Support); the SDK's own agents look at none. */
  readonly proxyEnv?: AgentOptions['proxyEnv'];
}

/** Without the body's time-out a stalled answer would hang for ever: `requestTimeout` ends with the headers. */
const TIMEOUTS = { connectionTimeout: 2_000, requestTimeout: 5_000, socketTimeout: 5_000, throwOnRequestTimeout: true };

export function createCognitoClients({ stsEndpointIsConfigured, proxyEnv }: CognitoClientsOptions): CognitoClients {
  const agents = proxyEnv && { httpAgent: { proxyEnv }, httpsAgent: { proxyEnv } };
  const requestHandler = new NodeHttpHandler({ ...TIMEOUTS, ...agents }); // shared, so that an evicted client leaves its sockets to the next
  const clients = new Map<string, CognitoIdentityProviderClient>();

  function create({ region, endpoint, assumeRole }: UserPool): CognitoIdentityProviderClient {
    const target = { region, maxAttempts: 1, requestHandler }; // retries have one owner, and it is the queue
    const stsEndpoint = endpoint !== undefined && !stsEndpointIsConfigured ? { endpoint } : {};
    const client = new CognitoIdentityProviderClient({
      ...target,
      sha256: SigningHash,
      ...(endpoint !== undefined && { endpoint }),
      ...(assumeRole && {
        credentials: fromTemporaryCredentials({
          params: {
            RoleArn: assumeRole.arn,
            RoleSessionName: 'rolecall',
            DurationSeconds: 3_600, // the maximum where roles are chained
            ...(assumeRole.externalId !== undefined && { ExternalId: assumeRole.externalId }),
          },
          clientConfig: { ...target, ...stsEndpoint },
        }),
      }),
    });
    client.middlewareStack.remove('loggerMiddleware'); // it would filter every answer for a log that nobody keeps
    return client;
  }

  return {
    clientFor(pool) {
      const key = keyOf(pool);
      const client = clients.get(key) ?? create(pool);
      clients.set(key, client);
      return client;
    },
    evict(pool) {
      clients.delete(keyOf(pool));
    },
    [Symbol.dispose]() {
      requestHandler.destroy();
    },
  };
}

function keyOf({ region, endpoint, assumeRole }: UserPool): string {
  return JSON.stringify([region, endpoint, assumeRole?.arn, assumeRole?.externalId]);
}
