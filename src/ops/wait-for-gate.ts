import type { Env } from '#shared/config/env.ts';
import { openLedger } from '#shared/ledger/ledger.ts';
import { UsageError } from '#shared/runtime/command.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { askGate, type GateAnswer } from './gate/ask-gate.ts';
import { awaitGate } from './gate/await-gate.ts';
import { countsLine, describeGate } from './gate/describe-gate.ts';
import type { GateQuery } from './gate/gate-counts.ts';
import type { Gate } from './gate/gate.ts';
import { ANSWER_WITHIN_MS } from './gate/in-time.ts';
import { parseLedgerConfig } from './ops-config.ts';

const EXIT_BY_STATE: Readonly<Record<Gate['state'], ExitCode>> = {
  open: EXIT.ok,
  blocked: EXIT.blocked,
  pending: EXIT.notSettled,
  unknown: EXIT.notSettled,
};

export interface WaitForGateOptions {
  readonly env: Env;
  readonly query: GateQuery;
  /** 0: ask once. */
  readonly timeoutS: number;
  readonly signal: AbortSignal;
  readonly out: (text: string) => void;
  /** Told of what is waited for, whenever that changes. */
  readonly say?: (text: string) => void;
  readonly json: boolean;
}

/** Waits until the gate is open or blocked, or time is up; prints it. The exit code is the answer. */
export async function waitForGate(options: WaitForGateOptions): Promise<ExitCode> {
  const { env, timeoutS, json, out, say = () => {} } = options;
  const config = parseLedgerConfig(env);
  const query = { ...options.query, release: options.query.release ?? config.release };
  await using ledger = await openLedger({ ...config.ledger, statementTimeoutMs: ANSWER_WITHIN_MS });
  const timeUp = timeoutS > 0 ? AbortSignal.timeout(timeoutS * 1000) : AbortSignal.abort();

  const answer = await awaitGate(() => askGate(ledger.em.fork(), query), {
    signal: AbortSignal.any([options.signal, timeUp]),
    onWait: whenItChanges(say),
  });
  if (answer.kind === 'ambiguous') {
    throw new UsageError(`several manifests fit: say which by --name (${answer.names.join(', ')})`);
  }
  out(json ? JSON.stringify(answer.gate) : describeGate(answer.gate).join('\n'));
  return answer.kind === 'unreachable' ? EXIT.unreachable : EXIT_BY_STATE[answer.gate.state];
}

function whenItChanges(say: (text: string) => void): (answer: GateAnswer) => void {
  let last = '';
  return (answer) => {
    if (answer.kind === 'ambiguous') return;
    const { state, problem } = answer.gate;
    const key = `${state} ${problem ?? ''}`;
    if (key !== last) say(`waiting: ${state}, ${problem ?? countsLine(answer.gate)}`);
    last = key;
  };
}
