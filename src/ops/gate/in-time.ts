import { setTimeout as sleep } from 'node:timers/promises';

/** A probe of Kubernetes gives up after seconds, and so does a person: what hangs is away. */
export const ANSWER_WITHIN_MS = 5_000;

/** Rejects when the ledger or the queue takes too long. What was asked goes on: a driver's own time-outs end it later. */
export async function inTime<Answer>(answer: Promise<Answer>, boundMs = ANSWER_WITHIN_MS): Promise<Answer> {
  const answered = new AbortController();
  const late = sleep(boundMs, undefined, { signal: answered.signal, ref: false }).then(() => {
    throw Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
  });
  late.catch(() => {}); // aborted, as the answer came first
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
    answer.catch(() => {}); // too late for anybody to hear
  }
}
