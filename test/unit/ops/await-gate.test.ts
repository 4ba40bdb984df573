import { expect, test } from 'vitest';
import type { GateAnswer } from '../../../src/ops/gate/ask-gate.ts';
import { awaitGate } from '../../../src/ops/gate/await-gate.ts';
import { unknownGate, type Gate } from '../../../src/ops/gate/gate.ts';

const known = (state: Gate['state']): GateAnswer => ({ kind: 'known', gate: { ...unknownGate(''), state } });
const away: GateAnswer = { kind: 'unreachable', gate: unknownGate('the ledger does not answer') };
const ambiguous: GateAnswer = { kind: 'ambiguous', names: [] };

/** Answers one after the other, then the last one for ever. */
function answering(...answers: GateAnswer[]) {
  const asked = { count: 0 };
  const ask = async () => answers[Math.min(asked.count++, answers.length - 1)] as GateAnswer; // at least one is given
  return { asked, ask };
}

const patient = () => ({ signal: new AbortController().signal, pollMs: 1 });

test.for<[why: string, answers: GateAnswer[], asked: number]>([
  ['open ends the wait', [known('pending'), known('open'), known('blocked')], 2],
  ['blocked is an answer, and ends the wait', [known('pending'), known('blocked'), known('open')], 2],
  ['a release that is not produced yet is waited for', [known('unknown'), known('unknown'), known('open')], 3],
  ['a database that is away is waited for', [away, away, known('open')], 3],
  ['a question without a name is not answered by waiting', [ambiguous], 1],
])('%s', async ([, answers, count]) => {
  const { ask, asked } = answering(...answers);

  expect(await awaitGate(ask, patient())).toBe(answers[count - 1]);
  expect(asked.count).toBe(count);
});

test('without time it is asked once', async () => {
  const { ask, asked } = answering(known('pending'));

  expect(await awaitGate(ask, { signal: AbortSignal.abort(), pollMs: 1 })).toEqual(known('pending'));
  expect(asked.count).toBe(1);
});

test('when time is up the last answer counts', async () => {
  const timeUp = new AbortController();
  const { ask } = answering(known('pending'), away);

  const answer = await awaitGate(ask, {
    signal: timeUp.signal,
    pollMs: 1,
    onWait: (seen) => seen === away && timeUp.abort(),
  });

  expect(answer).toBe(away);
});
