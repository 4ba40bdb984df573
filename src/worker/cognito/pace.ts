import type { CognitoOperation, UserPool } from './user-directory.ts';

/** Resolves when a slot of the pool's quota is there. Throws when aborted, or when what hands out the slots is away. */
export type Pace = (pool: UserPool, operation: CognitoOperation, signal: AbortSignal) => Promise<void>;

/** Nothing was asked, so nothing is known: classified like a deadline that passed. */
export class NoSlot extends Error {
  override readonly name = 'NoSlot';
}
