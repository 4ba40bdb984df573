import type { EmulatedPool } from './cognito/emulator.ts';

/** The people whom `rolecall.yaml` beside this file names. */
export const DEMO_POOL = {
  id: 'eu-west-2_AbCdEfGhI',
  region: 'eu-west-2',
  users: ['admin.one', 'admin.two', 'admin.three', 'researcher', 'observer'].map((name) => ({
    email: `${name}@example.org`,
  })),
} satisfies EmulatedPool;
