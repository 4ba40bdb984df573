import { expect, test } from 'vitest';
import { PostgresUrl, urlOfVariable } from '#shared/config/postgres-url.ts';

test('only a PostgreSQL URL is one', () => {
  const urls = [
    'postgres://h/d',
    'postgresql://u:p@h:5432/d',
    'mysql://h/d',
    'h:5432/d',
    'postgres',
    'postgres://u:p@h:5432/',
    'postgres://h?x=/d',
    'postgres:///d?host=/run',
    '',
  ];
  expect(urls.filter((url) => PostgresUrl.safeParse(url).success)).toEqual([
    ...urls.slice(0, 2),
    'postgres:///d?host=/run',
  ]);
});

test.for([
  ['sslmode=require', 'sslmode=verify-full'],
  ['a=1&sslmode=prefer&b=1', 'a=1&sslmode=verify-full&b=1'],
  ['sslmode=verify-ca', 'sslmode=verify-full'],
  ['sslmode=disable'],
  ['sslmode=no-verify'],
  ['sslmode=require&uselibpqcompat=true'],
] as const)('the driver is asked by %s for what it would do', ([given, meant = given]) => {
  expect(PostgresUrl.parse(`postgres://u:p%20p@h/d?${given}`)).toBe(`postgres://u:p%20p@h/d?${meant}`);
});

test('what is wrong with TLS is told at once, and without its value', () => {
  const file = import.meta.filename;
  expect(urlOfVariable(`postgres://h/d?sslrootcert=${file}`)).toEqual({
    url: `postgres://h/d?sslrootcert=${file}`,
  });
  expect(urlOfVariable(`postgres://h/d?sslmode=full&sslrootcert=${file}.not&sslkey=/no/such`)).toEqual({
    problem:
      'its sslmode is none of disable, prefer, require, verify-ca, verify-full, no-verify; the file that its sslrootcert names cannot be read; the file that its sslkey names cannot be read',
  });
});
