import type { Lookup, UserDirectory } from './cognito/user-directory.ts';
import type { TakenSeed } from './take-seed.ts';

/** What is known of a seed's email, or when it may be asked for. */
export type Resolution = Lookup | { readonly kind: 'paced'; readonly waitMs: number };

export interface ResolveDeps {
  readonly directory: UserDirectory;
}

/** Asks Cognito who a seed is. */
export function resolveSeed({ directory }: ResolveDeps, seed: TakenSeed, signal: AbortSignal): Promise<Resolution> {
  return directory.find(seed.email, seed.userPool, signal);
}
