import { expect, test } from 'vitest';
import { matchesFilter, parseFilter, type Filter } from '../../../demo/cognito/filter.ts';

const equals = (value: string, attribute: Filter['attribute'] = 'email'): Filter => ({
  attribute,
  operator: '=',
  value,
});

test.for<[why: string, text: string, expected: Filter]>([
  ['blanks around the operator', 'email = "a@example.org"', equals('a@example.org')],
  ['no blanks', 'email="a@example.org"', equals('a@example.org')],
  ['a quoted attribute', '"email"="a@example.org"', equals('a@example.org')],
  ['a prefix', '"email" ^= "a@"', { attribute: 'email', operator: '^=', value: 'a@' }],
  ['a prefix without blanks', 'email^="a@"', { attribute: 'email', operator: '^=', value: 'a@' }],
  ['an escaped quote', String.raw`email = "\"a\"@example.org"`, equals('"a"@example.org')],
  ['an escaped backslash', String.raw`email = "a\\b@example.org"`, equals(String.raw`a\b@example.org`)],
  ['an operator within the value', 'email = "a=b^=c@example.org"', equals('a=b^=c@example.org')],
  ['an empty value', 'sub = ""', equals('', 'sub')],
  ['an attribute with a colon', 'cognito:user_status = "CONFIRMED"', equals('CONFIRMED', 'cognito:user_status')],
  ['blanks at both ends', '  status = "Enabled"  ', equals('Enabled', 'status')],
])('a filter may have %s', ([, text, expected]) => {
  expect(parseFilter(text)).toEqual(expected);
});

test.for([
  ['no value', 'email ='],
  ['no quotes', 'email = a@example.org'],
  ['single quotes', "email = 'a@example.org'"],
  ['a quote that is not escaped', 'email = "a" or "b"'],
  ['an escape that is none', String.raw`email = "a\nb"`],
  ['a backslash at the end', String.raw`email = "a\"`],
  ['another operator', 'email != "a@example.org"'],
  ['two conditions', 'email = "a" and sub = "b"'],
  ['a custom attribute', 'custom:team = "red"'],
  ['an attribute that is not searched', 'email_verified = "true"'],
  ['half a quoted attribute', '"email = "a"'],
  ['the name of an inherited property', 'constructor = "a"'],
])('a filter with %s is refused', ([, text]) => {
  expect(parseFilter(text ?? '')).toBeNull();
});

test('a search ignores case, except in usernames and in the status', () => {
  expect(matchesFilter(equals('A@Example.org'), 'a@example.ORG')).toBe(true);
  expect(matchesFilter({ ...equals('A@EX'), operator: '^=' }, 'a@example.org')).toBe(true);
  expect(matchesFilter(equals('Alice', 'username'), 'alice')).toBe(false);
  expect(matchesFilter(equals('enabled', 'status'), 'Enabled')).toBe(false);
});

test('an empty prefix finds everybody who has the attribute', () => {
  expect(matchesFilter({ ...equals(''), operator: '^=' }, 'a@example.org')).toBe(true);
  expect(matchesFilter({ ...equals('', 'name'), operator: '^=' }, undefined)).toBe(false);
});
