import { expect, test } from 'vitest';
import { fewAtOnce } from '../../../src/producer/few-at-once.ts';

test('all of many are done, ten at a time', async () => {
  let underWay = 0;
  let most = 0;
  const done: number[] = [];
  await fewAtOnce(Array.from({ length: 25 }, (_, at) => at).values(), async (at) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await Promise.resolve();
    underWay -= 1;
    done.push(at);
  });
  expect(most).toBe(10);
  expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, at) => at));
});

test('the first failure is thrown when nothing is under way any more, and no more is begun', async () => {
  const slow = Promise.withResolvers<void>();
  const begun: number[] = [];
  let slowIsDone = false;
  const all = fewAtOnce(
    Array.from({ length: 25 }, (_, at) => at),
    async (at) => {
      begun.push(at);
      if (at === 0) {
        await slow.promise;
        slowIsDone = true;
      }
      if (at === 3) throw new Error('the fourth');
      if (at === 5) throw new Error('the sixth');
      if (at === 9) slow.resolve();
    },
  );
  await expect(all).rejects.toThrow('the fourth');
  expect(slowIsDone).toBe(true);
  expect(begun).toHaveLength(10);
});
