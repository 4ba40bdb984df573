import type { Sub } from '#shared/contract/ids.ts';
import { isTransient, type BlockingReason, type Reason, type TransientReason } from '#shared/contract/reasons.ts';
import type { Later } from './pacing/slots.ts';
import type { SeedState, Suspicion } from '#shared/contract/seed-state.ts';

/** Every way one attempt can end. Endings that we expect are values; what is thrown surprised us. */
export type Outcome =
  /** `added`: how many grants this seed made. The ledger says so already, in the same transaction. */
  | { readonly kind: 'granted'; readonly sub: Sub; readonly added: number }
  /** A copy of this job was faster, or a newer run took over. */
  | { readonly kind: 'overtaken' }
  /** Its turn to ask Cognito is later, and nothing was asked. */
  | Later
  /** A definitive answer that counts only when it comes again. */
  | { readonly kind: 'suspected'; readonly suspicion: Suspicion }
  | Extract<SeedState, { kind: 'skipped' }>
  | { readonly kind: 'waiting'; readonly reason: 'user-missing' }
  | {
      readonly kind: 'retrying';
      readonly reason: TransientReason;
      readonly cause: unknown;
    }
  /** `fix`: what would mend it, mostly a statement; for the log and the ledger, so without secrets. */
  | { readonly kind: 'blocked'; readonly reason: BlockingReason; readonly cause?: unknown; readonly fix?: string };

/** The second table: the class of a reason decides between trying again and stopping the rollout. */
export function failed(reason: Reason, cause: unknown, fix?: string): Outcome {
  return isTransient(reason)
    ? { kind: 'retrying', reason, cause }
    : { kind: 'blocked', reason: reason as BlockingReason, cause, ...(fix !== undefined && { fix }) }; // what is not transient blocks, by definition
}
