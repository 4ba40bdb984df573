import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { lendBounded } from '../../../../src/worker/grants/lend-bounded.ts';

interface Thing {
  readonly key: string;
  used: number;
  closed: boolean;
}

function lender({ limit = 2, idleMs = 1_000 } = {}) {
  const open = new Set<Thing>();
  const opened: string[] = [];
  let most = 0;
  const things = lendBounded<Thing>({
    limit,
    idleMs,
    async open(key) {
      if (key === 'broken') throw new Error('cannot be opened');
      const thing = { key, used: 0, closed: false };
      opened.push(key);
      open.add(thing);
      most = Math.max(most, open.size);
      await sleep(1);
      return thing;
    },
    async close(thing) {
      expect(thing.used).toBe(0);
      await sleep(1);
      thing.closed = true;
      open.delete(thing);
    },
  });
  const use = (key: string, ms = 1) =>
    things.lend(key, async (thing) => {
      expect(thing).toMatchObject({ key, closed: false });
      thing.used += 1;
      await sleep(ms);
      thing.used -= 1;
      expect(thing.closed).toBe(false);
      return key;
    });
  return { use, opened, open, most: () => most, [Symbol.asyncDispose]: () => things[Symbol.asyncDispose]() };
}

test('a hundred that want ten different ones get them, two at a time', async () => {
  await using things = lender();
  const keys = Array.from({ length: 100 }, (_, n) => `${n % 10}`);
  expect(await Promise.all(keys.map((key) => things.use(key)))).toEqual(keys);
  expect(things.most()).toBe(2);
});

test('one that is open is shared and kept', async () => {
  await using things = lender();
  await Promise.all([things.use('a'), things.use('a'), things.use('a')]);
  await things.use('a');
  expect(things.opened).toEqual(['a']);
});

test('the one that was used longest ago makes room', async () => {
  await using things = lender();
  for (const key of ['a', 'b', 'a', 'c', 'a']) await things.use(key);
  expect(things.opened).toEqual(['a', 'b', 'c']);
});

test('one in use is never closed, whoever waits', async () => {
  await using things = lender({ limit: 1, idleMs: 1 });
  const long = things.use('a', 60);
  const short = things.use('b');
  expect(await Promise.race([long, short])).toBe('a');
  expect(await short).toBe('b');
});

test('an idle one is closed by itself', async () => {
  await using things = lender({ idleMs: 10 });
  await things.use('a');
  expect(things.open.size).toBe(1);
  await vi.waitFor(() => expect(things.open.size).toBe(0));
  await things.use('a');
  expect(things.opened).toEqual(['a', 'a']);
});

test('what could not be opened takes no place', async () => {
  await using things = lender({ limit: 1 });
  await expect(things.use('broken')).rejects.toThrow('cannot be opened');
  expect(await things.use('a')).toBe('a');
});
