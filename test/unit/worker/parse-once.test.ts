import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseOnce } from '../../../src/worker/parse-once.ts';

const parse = parseOnce(z.object({ n: z.number() }));

test('the same text gives the same value', () => {
  expect(parse('{"n":1}')).toEqual({ n: 1 });
  expect(parse('{"n":1}')).toBe(parse('{"n":1}'));
  expect(parse('{"n":2}')).toEqual({ n: 2 });
});

test('what does not fit is refused every time', () => {
  expect(() => parse('{}')).toThrow(/expected number/);
  expect(() => parse('{}')).toThrow(/expected number/);
});

test('what was parsed first makes room for what comes later', () => {
  const first = parse('{"n":0}');
  for (let n = 1; n <= 6_000; n += 1) parse(`{"n":${n}}`);
  expect(parse('{"n":0}')).not.toBe(first);
  expect(parse('{"n":6000}')).toBe(parse('{"n":6000}'));
});
