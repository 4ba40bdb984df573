import { setTimeout as sleep } from 'node:timers/promises';
import { DelayedError, UnrecoverableError, type Job } from 'bullmq';
import type { SeedId } from '#shared/contract/ids.ts';
import {
  isTenantFault,
  REASONS,
  type BlockingReason,
  type Reason,
  type TransientReason,
} from '#shared/contract/reasons.ts';
import { parseSeedJobId, retryPriority, SeedJob } from '#shared/contract/seed-job.ts';
import type { SeedState } from '#shared/contract/seed-state.ts';
import { createSeedWorker, type SeedWorker } from '#shared/queue/open-queue.ts';
import type { QueueTarget } from '#shared/queue/queue-target.ts';
import { describeError, type Log } from '#shared/runtime/logger.ts';
import { backoffMs, type Backoff } from './backoff.ts';
import { failed, type Outcome } from './outcome.ts';

export interface Timing {
  readonly backoff: Backoff;
  /** Until a suspicion is looked at again. */
  readonly recheckMs: number;
  /** Until a user who will appear is looked for again. */
  readonly waitMs: number;
}

export interface ConsumeOptions {
  readonly target: QueueTarget;
  readonly concurrency: number;
  readonly timing: Timing;
  /** One attempt. `null`: the seed needs nothing. May throw: then the ledger is away, or we have a bug. */
  handle(job: SeedJob, signal: AbortSignal): Promise<Outcome | null>;
  /** Where an error that nobody expected belongs: the database is away, or it is a bug. */
  unforeseen(error: unknown): Outcome;
  /** Writes the state into the ledger. */
  record(seedId: SeedId, state: SeedState): Promise<boolean>;
  /** Has a job that is delayed by now woken when its turn comes. */
  park(domain: string, job: SeedJob): Promise<void>;
  settled(outcome: Outcome): void;
  now(): number;
  readonly log: Log;
}

/** A stall is a crashed process, no verdict on the seed: by default the second one fails the job. */
const MAX_STALLED_COUNT = 10;
/**
 * What a crashed worker held is taken up again after the lock and one or two checks: 15 to 25 s, where BullMQ's 30 s each
 * make a rollout wait for more than a minute. A worker renews its locks twice as often as they expire, from a timer, so
 * only an event loop that is blocked for that long loses one, and then the job runs twice, which is safe.
 */
const CRASH_RECOVERY = { lockDuration: 15_000, stalledInterval: 5_000 };
const NEVER = new AbortController().signal; // for a BullMQ that passes no signal

/** The one place where outcomes become ledger states, and BullMQ's return values and special errors. Takes nothing yet. */
export function createSeedConsumer(options: ConsumeOptions): SeedWorker {
  const { target, concurrency, handle, unforeseen, record, park, settled, timing, now, log } = options;
  return createSeedWorker(target, work, {
    concurrency,
    autorun: false,
    maxStalledCount: MAX_STALLED_COUNT,
    ...CRASH_RECOVERY,
    settings: { backoffStrategy: (attempt, _, error) => delayOf(error) ?? backoffMs(attempt, timing.backoff) },
  });

  async function work(job: Job<unknown, string>, token?: string, signal = NEVER): Promise<string> {
    const payload = SeedJob.safeParse(job.data);
    if (!payload.success) return refuse(job);
    const { label, tenant, run } = payload.data;
    const outcome = await handle(payload.data, signal).catch(unforeseen);
    const reason = outcome !== null && 'reason' in outcome ? outcome.reason : undefined;
    const cause =
      outcome !== null && 'cause' in outcome && outcome.cause !== undefined ? describeError(outcome.cause) : undefined;
    const fix = outcome?.kind === 'blocked' ? outcome.fix : undefined;
    log.info(
      { jobId: job.id, run, tenant, label, outcome: outcome?.kind ?? 'nothing to do', reason, cause, fix },
      'attempt',
    );
    if (outcome === null) return 'nothing to do';
    try {
      return await conclude(job, token, payload.data, outcome);
    } catch (error) {
      if (error instanceof DelayedError || error instanceof UnrecoverableError || error instanceof TryAgain)
        throw error;
      // The verdict could not be written down. The job must come back with it, whatever it was.
      log.warn({ jobId: job.id, cause: describeError(error) }, 'the outcome could not be written down; trying again');
      throw new TryAgain('database-unavailable', backoffMs(job.attemptsMade + 1, timing.backoff), error);
    }
  }

  async function conclude(job: Job, token: string | undefined, payload: SeedJob, outcome: Outcome): Promise<string> {
    const { seedId } = payload;
    switch (outcome.kind) {
      case 'overtaken':
        return 'nothing to do';
      case 'paced': // no verdict, and no attempt either: what the ledger says of it stays true
        // Whole milliseconds: BullMQ's PostgreSQL refuses others, and the connection that heard of them is closed.
        await job.moveToDelayed(Math.ceil(now() + outcome.waitMs), token);
        if (outcome.domain !== undefined) await park(outcome.domain, payload).catch(notParked);
        throw new DelayedError();
      case 'granted': // the ledger knows: it was settled together with the grants
        settled(outcome);
        return `granted, ${outcome.added} new`;
      case 'skipped':
        await record(seedId, outcome);
        settled(outcome);
        return `skipped: ${outcome.reason}`;
      case 'suspected': {
        // pending and delayed, but not `retrying`: that the gate tolerates, and nothing is known yet
        const { suspicion } = outcome;
        const at = now() + timing.recheckMs;
        await record(seedId, { kind: 'pending', suspicion, nextAttemptAt: new Date(at) });
        return postpone(job, token, at);
      }
      case 'waiting': {
        const at = now() + timing.waitMs;
        await record(seedId, { ...outcome, nextAttemptAt: new Date(at) });
        return postpone(job, token, at);
      }
      case 'retrying': {
        const { reason, cause } = outcome;
        const delayMs = backoffMs(job.attemptsMade + 1, timing.backoff); // one number for the ledger and the queue
        const nextAttemptAt = new Date(now() + delayMs);
        await record(seedId, { kind: 'retrying', reason, nextAttemptAt });
        await job.changePriority({ priority: retryPriority(job.attemptsMade + 1) });
        throw new TryAgain(reason, delayMs, cause);
      }
      case 'blocked': {
        const { reason, fix } = outcome;
        const isOfSeed = fix !== undefined && !isTenantFault(reason); // else it stands at the tenant, for all its seeds
        // Where the seed may not go any more, a newer run took over: a failed job would be there for nobody to replay.
        if (!(await record(seedId, { kind: 'blocked', reason, ...(isOfSeed && { fix }) }))) return 'nothing to do';
        settled(outcome);
        throw noMoreTries(reason);
      }
      default:
        return outcome satisfies never;
    }
  }

  /** It is put away already, and comes back by itself, if late: from here on any other error would be about a job that is gone. */
  function notParked(error: unknown): void {
    log.warn(
      { cause: describeError(error) },
      'a seed that waits for its turn will not be woken; it comes back in minutes',
    );
  }

  /** A payload that cannot be read still has an id that says whose it is: the gate must not wait for it in vain. */
  async function refuse(job: Job): Promise<never> {
    const outcome = failed('unexpected', 'the payload of the job cannot be read');
    log.error({ jobId: job.id, reason: 'unexpected' }, 'the payload of the job cannot be read');
    const named = parseSeedJobId(job.id ?? '');
    if (named !== null) await record(named.seedId, { kind: 'blocked', reason: 'unexpected' });
    settled(outcome);
    throw noMoreTries('unexpected');
  }
}

/** The error must follow the move, or the job stays active. The attempt is not counted. */
async function postpone(job: Job, token: string | undefined, at: number): Promise<never> {
  await job.moveToDelayed(at, token);
  throw new DelayedError();
}

function noMoreTries(reason: BlockingReason): UnrecoverableError {
  const error = new UnrecoverableError(reason);
  error.stack = explain(reason);
  return error;
}

/** Carries the delay to BullMQ's backoff. Its message becomes the job's `failedReason`, so it is a reason and no more. */
class TryAgain extends Error {
  override readonly name = 'TryAgain';
  readonly delayMs: number;

  constructor(reason: TransientReason, delayMs: number, cause: unknown) {
    super(reason, { cause });
    this.delayMs = delayMs;
    this.stack = explain(reason);
  }
}

/** What the board shows of a job's error. A trace would lead into this file, and the operator's way leads elsewhere. */
function explain(reason: Reason): string {
  const { meaning, todo } = REASONS[reason];
  return `${reason}: ${meaning}\n${todo}`;
}

function delayOf(error: unknown): number | undefined {
  return error instanceof TryAgain ? error.delayMs : undefined;
}

/** From here on jobs are taken. */
export function startConsuming(worker: SeedWorker, log: Log): void {
  let silentUntil = 0;
  worker.on('error', (error) => {
    if (Date.now() < silentUntil) return; // a Redis that is out of memory brings thousands of these a second
    silentUntil = Date.now() + 10_000;
    log.error({ cause: describeError(error), message: error.message }, 'queue');
  });
  worker.run().catch((error: unknown) => log.fatal({ cause: describeError(error) }, 'the worker takes no more jobs'));
}

/** Bounded: on its own, BullMQ's close waits for running jobs for ever. What is cut off is taken up again by its stall. */
export async function stopConsuming(worker: SeedWorker, timeoutMs: number): Promise<void> {
  // Not `close()` yet: BullMQ remembers its first call, so a forced one after it would wait for the running jobs as well.
  const idle = worker.pause().then(
    () => true,
    () => false,
  );
  const idleWithin = (ms: number) => Promise.race([idle, sleep(ms, false, { ref: false })]);
  if (await idleWithin(timeoutMs)) return worker.close();
  worker.cancelAllJobs('shutting down'); // ends the lookups, so that most jobs still get to the delayed ones
  await worker.close(!(await idleWithin(CUT_OFF_MS)));
}

/** Enough to write down that an attempt was cut off. */
const CUT_OFF_MS = 1_000;
