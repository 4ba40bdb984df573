import { setImmediate as nextTurn } from 'node:timers/promises';
import { ListUsersCommand } from '@aws-sdk/client-cognito-identity-provider';
import { createCognitoClients } from '../../src/worker/cognito/cognito-clients.ts';
import { emailOf, poolId, REGION } from '../support/tenants.ts';
import { readOptions, tell, untilTold } from './conversation.ts';

/** The lookups of the workers and nothing else: the same clients, the same request for each email, no queue, no database. */
const { endpoint, tenant, seeds, concurrency } = readOptions<{
  endpoint: string;
  tenant: string;
  seeds: number;
  concurrency: number;
}>();

const client = createCognitoClients({ stsEndpointIsConfigured: false }).clientFor({
  id: poolId(tenant),
  region: REGION,
  endpoint,
  lookup: 'ListUsers',
  requestsPerSecond: 0, // nobody paces here
});

await untilTold();
const started = performance.now();
let next = 0;
await Promise.all(Array.from({ length: concurrency }, lookUpWhatIsLeft));
tell((performance.now() - started) / 1000);

/**
 * Each lookup begins in a turn of the event loop of its own, as in a worker: begun in the one that brought the answer before, it
 * takes over a third more of the processor.
 */
async function lookUpWhatIsLeft(): Promise<void> {
  while (next < seeds) {
    const email = emailOf(next);
    next += 1;
    await nextTurn();
    const { Users } = await client.send(
      new ListUsersCommand({ UserPoolId: poolId(tenant), Filter: `email = "${email}"`, Limit: 60 }),
    );
    if (Users?.length !== 1) throw new Error('somebody is not in the pool');
  }
}
