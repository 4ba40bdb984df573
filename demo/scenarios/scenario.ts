import type { Emulator } from '../cognito/emulator.ts';

/** Where the parts of the running demo are, for instructions that can be pasted. */
export interface Surroundings {
  readonly emulatorUrl: string;
  readonly pageUrl: string;
  /** What must stand before a `rolecall` command to reach this demo from another shell: `NAME='value' `, or nothing. */
  readonly environment: string;
  /** The variables that it takes besides; their values are not shown. */
  readonly ofThisWindow: readonly string[];
}

export interface Scenario {
  /** What is about to be seen, in one line. */
  readonly headline: string;
  /** Makes the emulated world as the scenario wants it, just before the release is produced. */
  prepare(emulator: Emulator): void;
  /** `healed`: an open gate that is still degraded is only half of the story. */
  readonly endsAt: 'settled' | 'healed';
  /** What to try next, once the gate is settled. */
  advice(where: Surroundings): readonly string[];
}
