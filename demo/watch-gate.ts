import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { askGate } from '../src/ops/gate/ask-gate.ts';
import type { GateQuery } from '../src/ops/gate/gate-counts.ts';
import type { Gate } from '../src/ops/gate/gate.ts';

const POLL_MS = 100;

/** The gate each time it changes, counts included, until the signal aborts. */
export async function* watchGate(ledger: Ledger, query: GateQuery, signal: AbortSignal): AsyncGenerator<Gate> {
  let shown = '';
  while (!signal.aborted) {
    const answer = await askGate(ledger.em.fork(), query);
    const next = JSON.stringify(answer);
    if (answer.kind === 'known' && next !== shown) yield answer.gate;
    shown = next;
    await sleep(POLL_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
  }
}
