import type { UserPool } from './user-directory.ts';

export type CognitoOperation = 'ListUsers' | 'DescribeUserPool' | 'AdminGetUser';

/**
 * Resolves when the quota of this operation allows one more request. Rejects when it is aborted, or when what keeps the
 * quota's slots does not answer.
 */
export type Pace = (pool: UserPool, operation: CognitoOperation, signal: AbortSignal) => Promise<void>;

/** Nothing was asked, so nothing is known: classified like a deadline that passed. */
export class NoSlot extends Error {
  override readonly name = 'NoSlot';
}
