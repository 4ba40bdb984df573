import type { PoolScans } from './cognito/pool-scans.ts';
import type { Lookup, UserDirectory } from './cognito/user-directory.ts';
import type { TakenSeed } from './take-seed.ts';

/** What is known of a seed's email, or when it may be asked for. */
export type Resolution = Lookup | { readonly kind: 'paced'; readonly waitMs: number };

export interface ResolveDeps {
  readonly scans: PoolScans;
  readonly directory: UserDirectory;
}

/** Asks Cognito who a seed is, unless somebody who walked through its whole pool knows. */
export async function resolveSeed(
  { scans, directory }: ResolveDeps,
  seed: TakenSeed,
  signal: AbortSignal,
): Promise<Resolution> {
  return (await scans.look(seed)) ?? directory.find(seed.email, seed.userPool, signal);
}
