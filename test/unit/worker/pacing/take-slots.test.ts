import { expect, test, vi } from 'vitest';
import { SlotTooFar } from '../../../../src/worker/cognito/pace.ts';
import type { Taken } from '../../../../src/worker/pacing/slot-book.ts';
import { createSlotTaker } from '../../../../src/worker/pacing/take-slots.ts';

const BUDGET = { domain: 'own/eu-west-2/user-list', perSecond: 20 };
const NOW = { kind: 'taken', waitMs: 0 } as const;
const TOO_FAR = { kind: 'too-far', askAgainMs: 1 } as const;

/** A book whose answers are given by the test, one after another. */
function takerOf() {
  const questions: { readonly withinMs: number; readonly answer: (taken: Taken) => void }[] = [];
  const take = createSlotTaker({
    take: (_, withinMs) => new Promise((answer) => questions.push({ withinMs, answer })),
  });
  const answer = async (taken: Taken) => {
    await vi.waitFor(() => expect(questions.length).toBeGreaterThan(0));
    questions.shift()?.answer(taken);
  };
  const order: string[] = [];
  const walk = (name: string, signal = new AbortController().signal) =>
    take(BUDGET, { signal }).then(
      () => order.push(name),
      () => order.push(`${name} gave up`),
    );
  return { take, questions, answer, order, walk };
}

test('who waits for slots of one quota asks one at a time, and is served as it came', async () => {
  const { questions, answer, order, walk } = takerOf();
  const walks = ['a', 'b', 'c'].map((name) => walk(name));
  await vi.waitFor(() => expect(questions).toHaveLength(1));
  await answer(TOO_FAR);
  for (const taken of [NOW, NOW, NOW]) {
    await answer(taken);
    expect(questions.length).toBeLessThanOrEqual(1);
  }
  await Promise.all(walks);
  expect(order).toEqual(['a', 'b', 'c']);
});

test('who gives up while it waits in line holds up nobody', async () => {
  const { answer, order, walk } = takerOf();
  const stop = new AbortController();
  const walks = [walk('a'), walk('b', stop.signal), walk('c')];
  stop.abort();
  await walks[1];
  expect(order).toEqual(['b gave up']);
  await answer(NOW);
  await answer(NOW);
  await Promise.all(walks);
  expect(order).toEqual(['b gave up', 'a', 'c']);
});

test('an error of the book is told to who asked, and the next one asks for itself', async () => {
  let away = true;
  const take = createSlotTaker({
    take: async () => {
      if (away) throw new Error('the book is away');
      return NOW;
    },
  });
  const { signal } = new AbortController();
  await expect(take(BUDGET, { signal })).rejects.toThrow('away');
  away = false;
  await take(BUDGET, { signal });
});

test('who has little patience asks past the line, once, and is told when to come back', async () => {
  const { take, questions, answer, walk } = takerOf();
  const walking = walk('a');
  await vi.waitFor(() => expect(questions).toHaveLength(1));
  const second = take(BUDGET, { signal: new AbortController().signal, patienceMs: 300 }).catch(
    (error: unknown) => error,
  );
  expect(questions.map(({ withinMs }) => withinMs)).toEqual([500, 300]);
  await answer(NOW);
  await answer({ kind: 'too-far', askAgainMs: 2_000 });
  expect(await second).toEqual(new SlotTooFar(2_000));
  await walking;
});
