import pRetry from 'p-retry';
import { unreachable, UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { schemaProblem, type Ask } from './applied-migrations.ts';
import type { Ledger } from './ledger.ts';

export interface SchemaWait {
  /** What BullMQ must have migrated to in the same database; `null` when the queue is not there. */
  readonly queueSchemaVersion: number | null;
  /** What else keeps this part from working with it: rights may be granted only after a migration. `null`: nothing. */
  alsoMissing?(ask: Ask): Promise<string | null>;
  /** How long to go on asking. */
  readonly boundMs: number;
  /** For what it waits; told when it begins to. */
  waiting?(problem: string): void;
  readonly signal?: AbortSignal;
}

/** A producer that starts beside us needs some seconds; asking costs one or two small queries. */
const POLL_MS = 500;

/**
 * Waits until the producer has migrated the database to what this version knows: workers and ops often start first, and
 * only the producer may migrate. Rejects with `UnreachableError` when the bound is over; an abort rejects with its reason.
 */
export async function waitForSchema(ledger: Ledger, wait: SchemaWait) {
  const { queueSchemaVersion, alsoMissing, boundMs, waiting, signal } = wait;
  const askLedger: Ask = (text) => ledger.em.fork().execute(text);
  let told: string | null = null;
  const check = async () => {
    const problem = (await schemaProblem(askLedger, queueSchemaVersion)) ?? (await alsoMissing?.(askLedger)) ?? null;
    if (problem === null) return;
    if (problem !== told) waiting?.(problem);
    told = problem;
    throw new UnreachableError(problem);
  };
  try {
    await pRetry(check, {
      retries: Number.POSITIVE_INFINITY,
      factor: 1,
      minTimeout: POLL_MS,
      maxRetryTime: boundMs,
      ...(signal && { signal }),
    });
  } catch (cause) {
    if (signal?.aborted || cause instanceof UnreachableError) throw cause;
    throw unreachable('PostgreSQL (DATABASE_URL)', cause);
  }
}
