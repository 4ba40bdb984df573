import { z } from 'zod';
import type { CommandOption } from './command.ts';

/** `--wait` and `--timeout`, the same for every command that can wait for the gate. */
export const waitShape = {
  wait: z.boolean().default(false),
  timeout: z
    .string()
    .regex(/^\d{1,6}$/, 'expected seconds')
    .transform(Number)
    .optional(),
};

export const DEFAULT_TIMEOUT_S = 300;

export const TIMEOUT_OPTION: CommandOption = {
  flags: '--timeout <seconds>',
  help: `how long to wait (default: ${DEFAULT_TIMEOUT_S})`,
};

/** For `refine`: a time-out alone would look as if it did something. */
export function isWaiting({
  wait,
  timeout,
}: {
  readonly wait: boolean;
  readonly timeout?: number | undefined;
}): boolean {
  return wait || timeout === undefined;
}

export const NOT_WAITING = { path: ['timeout'], error: 'needs --wait' };
