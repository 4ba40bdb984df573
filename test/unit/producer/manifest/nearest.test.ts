import { expect, test } from 'vitest';
import { nearest } from '../../../../src/producer/manifest/nearest.ts';

test.for<[word: string, meant: string | null]>([
  ['region', 'region'],
  ['Region', 'region'],
  ['regoin', 'region'],
  ['reigon', 'region'],
  ['userpool', 'userPool'],
  ['user-pool', 'userPool'],
  ['user_pools', 'userPool'],
  ['i', 'id'],
  ['email', null],
  ['', null],
])('"%s" is probably %s', ([word, meant]) => {
  expect(nearest(word, ['id', 'region', 'userPool'])).toBe(meant);
});

test('of several the nearest is taken, and the first of those', () => {
  expect(nearest('eu-west-9', ['eu-east-1', 'eu-west-1', 'eu-west-2'])).toBe('eu-west-1');
});

test('a long word costs no time', () => {
  expect(nearest('x'.repeat(1_000_000), ['region'])).toBeNull();
});
