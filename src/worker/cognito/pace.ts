import type { UserPool } from './user-directory.ts';

export type CognitoOperation = 'ListUsers' | 'DescribeUserPool' | 'AdminGetUser';

export interface PaceOptions {
  readonly signal: AbortSignal;
  /** Absent: it waits for as long as it takes. */
  readonly patienceMs?: number | undefined;
}

/**
 * Resolves when the quota of this operation allows one more request. Rejects when it is aborted, when what keeps the quota's
 * slots does not answer, and with `SlotTooFar`.
 */
export type Pace = (pool: UserPool, operation: CognitoOperation, options: PaceOptions) => Promise<void>;

/** Nothing was asked, so nothing is known: classified like a deadline that passed. */
export class NoSlot extends Error {
  override readonly name = 'NoSlot';
}

/** Whoever asks has no patience for it, and should come back. */
export class SlotTooFar extends Error {
  override readonly name = 'SlotTooFar';
  readonly waitMs: number;

  constructor(waitMs: number) {
    super('the next slot of the quota is too far away');
    this.waitMs = waitMs;
  }
}
