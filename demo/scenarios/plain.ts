import type { Scenario } from './scenario.ts';

export const plain: Scenario = {
  headline: 'Five people of one tenant must hold their roles.',
  prepare() {},
  endsAt: 'settled',
  advice: () => ['Next: npm run demo -- --scenario blocked, or --scenario outage'],
};
