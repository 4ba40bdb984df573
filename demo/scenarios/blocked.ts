import { DEMO_POOL } from '../demo-pool.ts';
import type { Scenario } from './scenario.ts';

const MISSING = 'admin.three@example.org';

export const blocked: Scenario = {
  headline: 'One of the three admins does not exist in the user pool.',
  prepare(emulator) {
    emulator.removeUser(DEMO_POOL.id, MISSING);
  },
  endsAt: 'settled',
  advice: ({ emulatorUrl, pageUrl, environment, ofThisWindow }) => [
    'Fix the cause: create the user in the pool.',
    `  curl -X POST ${emulatorUrl}/_emulator/pools/${DEMO_POOL.id}/users -H 'content-type: application/json' -d '{"email":"${MISSING}"}'`,
    'Then replay, whichever you like better:',
    `  press Retry on the failed job at ${pageUrl}/board`,
    `  ${environment}npm run -s rolecall -- replay --all`,
    ...(ofThisWindow.length > 0 ? [`  with the ${ofThisWindow.join(' and ')} of this window`] : []),
    'The gate opens by itself; this window tells.',
  ],
};
