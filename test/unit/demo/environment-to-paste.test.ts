import { expect, test } from 'vitest';
import { environmentToPaste } from '../../../demo/environment-to-paste.ts';

const OWN = 'postgres://demo:demo@127.0.0.1:5555/demo';
const SECRET = 'postgres://ada:s3cret@db.example.org/app';

test('the demo’s own database is named, with its password', () => {
  expect(environmentToPaste({}, OWN)).toEqual({ environment: `DATABASE_URL='${OWN}' `, ofThisWindow: [] });
});

test('a lent Redis is named, or its jobs would be looked for elsewhere', () => {
  expect(environmentToPaste({ REDIS_URL: 'redis://127.0.0.1:6379/3' }, OWN)).toEqual({
    environment: `DATABASE_URL='${OWN}' REDIS_URL='redis://127.0.0.1:6379/3' `,
    ofThisWindow: [],
  });
});

test.for([
  [{ REDIS_URL: 'redis://:s3cret@cache:6379/0' }, OWN, ['REDIS_URL']],
  [{ REDIS_URL: 'redis+cluster://ada:s3cret@a:1,b:2' }, OWN, ['REDIS_URL']],
  [{ DATABASE_URL: SECRET }, SECRET, ['DATABASE_URL']],
  [{ DATABASE_URL: 'postgres://db/app?password=s3cret' }, 'postgres://db/app?password=s3cret', ['DATABASE_URL']],
  [{ DATABASE_URL: SECRET, REDIS_URL: 'rediss://a:s3cret@c' }, SECRET, ['DATABASE_URL', 'REDIS_URL']],
] as const)('the password of %j is never printed', ([env, databaseUrl, ofThisWindow]) => {
  const told = environmentToPaste(env, databaseUrl);
  expect(told.ofThisWindow).toEqual(ofThisWindow);
  expect(told.environment).not.toContain('s3cret');
});

test('a URL is one word of the shell', () => {
  const { environment } = environmentToPaste({ DATABASE_URL: "postgres://db/o'a&b" }, "postgres://db/o'a&b");
  expect(environment).toBe(String.raw`DATABASE_URL='postgres://db/o'\''a&b' `);
});
