import { expect, test } from 'vitest';
import {
  isCrossSite,
  isLoggedIn,
  isLoopback,
  isLoopbackName,
  type BoardAccess,
} from '../../../src/ops/board/board-access.ts';

const login: BoardAccess = { kind: 'login', user: 'ops', password: 'pä:ss', mode: 'replay' };
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test.for<[authorization: string | undefined, loggedIn: boolean]>([
  [basic('ops:pä:ss'), true],
  [basic('ops:pä:ss').replace('Basic', 'bAsIc'), true],
  [basic('ops:pass'), false],
  [basic('root:pä:ss'), false],
  [basic('ops'), false],
  [basic(''), false],
  ['Basic', false],
  [`Bearer ${basic('ops:pä:ss').slice(6)}`, false],
  [undefined, false],
])('the login is checked: %s', ([authorization, loggedIn]) => {
  expect(isLoggedIn(login, authorization)).toBe(loggedIn);
});

test('without a login nobody is logged in', () => {
  expect(isLoggedIn({ kind: 'loopback', mode: 'replay' }, basic('undefined:undefined'))).toBe(false);
});

test.for<[host: string, loopback: boolean]>([
  ['127.0.0.1', true],
  ['127.255.0.3', true],
  ['::1', true],
  ['[::1]', true],
  ['localhost', true],
  ['LOCALHOST', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.org', false],
  ['localhost.example.org', false],
])('only this machine reaches %s: %s', ([host, loopback]) => {
  expect(isLoopback(host)).toBe(loopback);
});

test.for<[host: string | undefined, own: boolean]>([
  ['127.0.0.1:3000', true],
  ['[::1]:3000', true],
  ['localhost', true],
  ['evil.example:3000', false],
  ['127.0.0.1.evil.example', false],
  ['', false],
  [undefined, false],
])('a name that a foreign page may have bent is not ours: %s', ([host, own]) => {
  expect(isLoopbackName(host)).toBe(own);
});

const host = 'ops.example.org:3000';
test.for<[why: string, request: Parameters<typeof isCrossSite>[0], refused: boolean]>([
  ['curl sends neither header', { method: 'PUT', host, origin: undefined, fetchSite: undefined }, false],
  ['the board itself', { method: 'PUT', host, origin: `http://${host}`, fetchSite: 'same-origin' }, false],
  ['the board behind TLS', { method: 'PUT', host, origin: `https://${host}`, fetchSite: undefined }, false],
  [
    'a host in capitals',
    { method: 'PUT', host: host.toUpperCase(), origin: `http://${host}`, fetchSite: undefined },
    false,
  ],
  ['an address that was typed', { method: 'POST', host, origin: undefined, fetchSite: 'none' }, false],
  ['reading is not guarded', { method: 'GET', host, origin: 'https://evil.example', fetchSite: 'cross-site' }, false],
  ['another site', { method: 'PUT', host, origin: 'https://evil.example', fetchSite: 'cross-site' }, true],
  [
    'another site in an old browser',
    { method: 'PUT', host, origin: 'https://evil.example', fetchSite: undefined },
    true,
  ],
  ['another site without an origin', { method: 'POST', host, origin: undefined, fetchSite: 'cross-site' }, true],
  ['a sister site', { method: 'PUT', host, origin: undefined, fetchSite: 'same-site' }, true],
  ['another port', { method: 'PUT', host, origin: 'http://ops.example.org:4000', fetchSite: undefined }, true],
  ['a sandboxed frame', { method: 'PUT', host, origin: 'null', fetchSite: undefined }, true],
  ['no host at all', { method: 'PUT', host: undefined, origin: 'null', fetchSite: undefined }, true],
])('%s', ([, request, refused]) => {
  expect(isCrossSite(request)).toBe(refused);
});
