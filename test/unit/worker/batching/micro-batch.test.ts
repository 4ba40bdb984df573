import { expect, test } from 'vitest';
import { createMicroBatch, type MicroBatchLimits } from '../../../../src/worker/batching/micro-batch.ts';

type Run = (items: readonly string[]) => Promise<readonly string[]>;

const LIMITS: MicroBatchLimits = { maxItems: 100, maxDelayMs: 1, maxUnderWay: 1 };
const NEVER = new Promise<never>(() => {});
const shout: Run = (items) => Promise.resolve(items.map((item) => item.toUpperCase()));

/** Items are words: the lane is the first letter, the key is what follows a hyphen. Remembers the batches that were run. */
function batching(run: Run, limits: Partial<MicroBatchLimits> = {}) {
  const batches: string[] = [];
  const ask = createMicroBatch<string, string, string>({
    laneOf: (item) => item.charAt(0),
    keysOf: (item) => item.split('-').slice(1),
    run: (items) => {
      batches.push(items.join(' '));
      return run(items);
    },
    failsAlike: (error) => error instanceof RangeError,
    limits: { ...LIMITS, ...limits },
  });
  return { ask, askAll: (items: readonly string[]) => Promise.all(items.map(ask)), batches };
}

const words = Array.from({ length: 30 }, (_, n) => `a${n}`);

test('those who ask together are answered by one run, each for itself', async () => {
  const { askAll, batches } = batching(shout);
  expect(await askAll(words)).toEqual(words.map((word) => word.toUpperCase()));
  expect(batches).toEqual([words.join(' ')]);
});

test('a full batch waits for nobody', async () => {
  const { askAll, batches } = batching(shout, { maxItems: 10, maxDelayMs: 1_000_000, maxUnderWay: 3 });
  expect(await askAll(words)).toHaveLength(30);
  expect(batches.map((batch) => batch.split(' ').length)).toEqual([10, 10, 10]);
});

test('while as many batches are under way as may be, the next one fills', async () => {
  const first = Promise.withResolvers<void>();
  const { ask, askAll, batches } = batching(async (items) => {
    if (items.includes('a-first')) await first.promise;
    return shout(items);
  });
  const answered = [ask('a-first')];
  await expect.poll(() => batches).toEqual(['a-first']);
  answered.push(...words.map(ask));
  await askAll(['b-later']); // whose delay began after theirs, so theirs is over
  expect(batches).toEqual(['a-first', 'b-later']);
  first.resolve();
  await Promise.all(answered);
  expect(batches).toEqual(['a-first', 'b-later', words.join(' ')]);
});

test('one that cannot be done fails alone', async () => {
  const { ask, batches } = batching((items) =>
    items.includes('a17') ? Promise.reject(new Error('poisoned')) : shout(items),
  );
  const settled = await Promise.allSettled(words.map(ask));
  const failed = settled.flatMap((each, at) => (each.status === 'rejected' ? [[words[at], String(each.reason)]] : []));
  expect(failed).toEqual([['a17', 'Error: poisoned']]);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(29);
  expect(batches.length).toBeLessThanOrEqual(11); // halves, not one by one
});

test('what all would meet is not tried again for each', async () => {
  const { ask, batches } = batching(() => Promise.reject(new RangeError('away')));
  const settled = await Promise.allSettled(words.map(ask));
  expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
  expect(batches).toHaveLength(1);
});

test('a lane that hangs holds up no other', async () => {
  const { ask, askAll } = batching((items) => (items.includes('hang') ? NEVER : shout(items)));
  void ask('hang');
  expect(await askAll(['a', 'b'])).toEqual(['A', 'B']);
});

test('what hangs after its batch has failed holds up nobody of its lane', async () => {
  const { ask } = batching((items) => {
    if (!items.includes('a-hang')) return shout(items);
    return items.length === 1 ? NEVER : Promise.reject(new Error('together'));
  });
  void ask('a-hang');
  expect(await ask('a-neighbour')).toBe('A-NEIGHBOUR');
  expect(await ask('a-later')).toBe('A-LATER');
});

test('those who share a key are never in one batch, and keep their order', async () => {
  const { askAll, batches } = batching(shout);
  expect(await askAll(['a1-x', 'a2', 'a3-x', 'a4-x', 'a5'])).toEqual(['A1-X', 'A2', 'A3-X', 'A4-X', 'A5']);
  expect(batches).toEqual(['a1-x a2 a5', 'a3-x', 'a4-x']);
});
