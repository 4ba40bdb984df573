import type { Scenario } from './scenario.ts';

const OUTAGE_MS = 10_000;

export const outage: Scenario = {
  headline: `Cognito answers 503 for ${OUTAGE_MS / 1000} seconds.`,
  prepare(emulator) {
    emulator.setFault({ kind: 'error', name: 'ServiceUnavailableException', status: 503, untilMs: OUTAGE_MS });
  },
  endsAt: 'healed',
  advice: () => ['Nobody had to do anything: the seeds waited in delayed retry until Cognito was back.'],
};
