import { setTimeout as sleep } from 'node:timers/promises';
import type { GateAnswer } from './ask-gate.ts';

/** Often enough for a deploy, and half a dozen index reads per second for some starting pods. */
const POLL_MS = 500;

export interface AwaitGateOptions {
  /** Aborted when the time is up; aborted from the start, it is asked once. */
  readonly signal: AbortSignal;
  readonly pollMs?: number;
  /** Told of every answer that does not end the wait. */
  readonly onWait?: (answer: GateAnswer) => void;
}

/**
 * Asks until an answer is final, or time is up: then the last answer counts. `unknown` is waited on, as an init container
 * may start before the producer, and so is a database that is away. `blocked` is an answer.
 */
export async function awaitGate(ask: () => Promise<GateAnswer>, options: AwaitGateOptions): Promise<GateAnswer> {
  const { signal, pollMs = POLL_MS, onWait } = options;
  for (;;) {
    const answer = await ask();
    if (isFinal(answer) || signal.aborted) return answer;
    onWait?.(answer);
    await sleep(pollMs, undefined, { signal }).catch(() => {}); // aborted, which the next line sees
    if (signal.aborted) return answer;
  }
}

function isFinal(answer: GateAnswer): boolean {
  switch (answer.kind) {
    case 'known':
      return answer.gate.state === 'open' || answer.gate.state === 'blocked';
    case 'ambiguous':
      return true; // waiting does not name it
    case 'unreachable':
      return false;
    default:
      return answer satisfies never;
  }
}
