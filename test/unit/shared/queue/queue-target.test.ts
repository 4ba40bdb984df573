import fc from 'fast-check';
import { expect, test } from 'vitest';
import { queueTarget, RedisUrl, type QueueTarget } from '#shared/queue/queue-target.ts';

const node = (host: string, port: number) => ({ host, port });
const [A, B] = [node('a', 1), node('b', 2)];

test.for<[url: string, target: Partial<QueueTarget>]>([
  ['redis://localhost', { kind: 'redis', node: node('localhost', 6379), db: 0, tls: false }],
  ['redis://localhost:6380/3', { kind: 'redis', node: node('localhost', 6380), db: 3 }],
  ['redis://localhost/', { kind: 'redis', db: 0 }],
  ['rediss://cache.example.org:6379', { kind: 'redis', node: node('cache.example.org', 6379), tls: true }],
  ['redis://:secret@localhost', { kind: 'redis', password: 'secret' }],
  ['redis://ada:secret@localhost', { kind: 'redis', username: 'ada', password: 'secret' }],
  ['redis://ada:p%40ss%2Fw%3Aord@localhost', { kind: 'redis', password: 'p@ss/w:ord' }],
  ['redis://ada:p@ss@localhost', { kind: 'redis', node: node('localhost', 6379), password: 'p@ss' }],
  ['redis://[::1]', { kind: 'redis', node: node('::1', 6379) }],
  ['rediss://u:p@[2001:db8::1]:6390/1', { kind: 'redis', node: node('2001:db8::1', 6390), db: 1, tls: true }],
  ['redis+cluster://a:1,b:2', { kind: 'redis-cluster', nodes: [A, B], tls: false }],
  ['rediss+cluster://u:p@a:1,b:2', { kind: 'redis-cluster', nodes: [A, B], tls: true, username: 'u', password: 'p' }],
  ['redis+cluster://[::1]:1,b', { kind: 'redis-cluster', nodes: [node('::1', 1), node('b', 6379)] }],
  ['redis+sentinel://a:1,b:2/mymaster', { kind: 'redis-sentinel', sentinels: [A, B], master: 'mymaster' }],
  ['rediss+sentinel://:p@a/m', { kind: 'redis-sentinel', sentinels: [node('a', 26_379)], tls: true, password: 'p' }],
])('%s', ([url, target]) => {
  expect(RedisUrl.parse(url)).toMatchObject(target);
});

const REFUSED = [
  'http://localhost',
  'redis://',
  'redis:///0',
  'localhost:6379',
  'redis://a:1,b:2',
  'redis://localhost/zero',
  'redis://localhost:port',
  'redis://localhost:0',
  'redis://localhost:65536',
  'redis://localhost/0?family=6',
  'redis://user:%zz@localhost',
  'redis+cluster://a:1,',
  'redis+cluster://a:1/3',
  'redis+sentinel://a:1',
  'redis+sentinel://a:1/',
  'redis+tls://a:1',
  'redis://::1',
];

test.for(REFUSED)('%s is refused', (url) => {
  expect(RedisUrl.safeParse(url).success).toBe(false);
});

test('a refusal never echoes the password', () => {
  const secret = fc.stringMatching(/^[a-z]{12}$/);
  fc.assert(
    fc.property(secret, fc.constantFrom(...REFUSED), (password, url) => {
      const withLogin = url.replace('://', `://ada:${password}@`);
      expect(JSON.stringify(RedisUrl.safeParse(withLogin).error?.issues ?? [])).not.toContain(password);
    }),
  );
});

test('without a Redis the queue lives in the database of the ledger', () => {
  expect(queueTarget(undefined, 'postgres://db')).toEqual({ kind: 'postgres', url: 'postgres://db' });
});
