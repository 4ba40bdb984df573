import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Email, emailKey, ReleaseId, RoleId, roleIdKey, Sub, TenantId } from '#shared/contract/ids.ts';

test.for([
  ['a quote, which would end the filter', 'ada"@example.org'],
  ['a whole filter', 'x" or email ^= "'],
  ['a quote behind the @', 'ada@example.org" '],
  ['a backslash, which would escape the quote', 'ada\\@example.org'],
  ['a line break in it', 'ada@example.org\nx@example.org'],
  ['a NUL', 'ada\0@example.org'],
  ['half of a surrogate pair', 'ad\ud800a@example.org'],
  ['an escape character', 'ada\u001b[2J@example.org'],
  ['a space', 'ada lovelace@example.org'],
  ['two @', 'ada@x@example.org'],
  ['no @', 'ada.example.org'],
  ['nothing before the @', '@example.org'],
  ['nothing behind the @', 'ada@'],
  ['nothing', ''],
  ['more than a filter takes', `${'a'.repeat(235)}@example.org`],
])('an email is refused with %s', ([, email = '']) => {
  expect(Email.safeParse(email).success).toBe(false);
});

test('an email that is accepted cannot break out of the filter, and fits it', () => {
  const hostile = fc
    .array(fc.constantFrom('a', '"', '\\', '@', ' ', '\n', '=', '^', 'é', '\u2028', "'"))
    .map((c) => c.join(''));
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string(), fc.emailAddress()), (text) => {
      const { data } = Email.safeParse(text);
      if (data === undefined) return;
      const filter = `email = "${data}"`;
      expect(filter).toMatch(/^email = "[^"\\\s]+"$/);
      expect(filter.length).toBeLessThanOrEqual(256);
    }),
  );
});

test('spaces around an email do not count, nor does its case', () => {
  expect(Email.parse(' Ada@Example.org ')).toBe('Ada@Example.org');
  expect(emailKey(' Ada@Example.org ')).toBe(emailKey('ada@example.ORG'));
});

test('subs of newer pools are accepted, whose variant bits are not those of the RFC', () => {
  expect(Sub.safeParse('26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01').success).toBe(true);
});

test('a role id stays as it was written; as a UUID it is the same in capitals', () => {
  const [capitals, small] = ['64D3145B-034C-4328-B637-8EB54313B7C5', '64d3145b-034c-4328-b637-8eb54313b7c5'];
  expect(RoleId.parse(` ${capitals} `)).toBe(capitals);
  expect(roleIdKey(RoleId.parse(capitals))).toBe(roleIdKey(RoleId.parse(small)));
  expect(roleIdKey(RoleId.parse('R-7'))).not.toBe(roleIdKey(RoleId.parse('r-7')));
});

test('neither a tenant nor a release is named by an email with spaces, or by nothing', () => {
  expect(
    ['', 'ada@example.org', 'Flip', '-flip', 'a'.repeat(64)].filter((id) => TenantId.safeParse(id).success),
  ).toEqual([]);
  expect(['', 'a b', 'é', 'a'.repeat(201)].filter((id) => ReleaseId.safeParse(id).success)).toEqual([]);
});
