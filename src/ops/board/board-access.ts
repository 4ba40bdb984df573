import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { BoardMode } from './board-guard.ts';

/** Who may see the board. */
export type BoardAccess =
  | { readonly kind: 'login'; readonly user: string; readonly password: string; readonly mode: BoardMode }
  /** No login, as only this machine can connect. */
  | { readonly kind: 'loopback'; readonly mode: BoardMode }
  /** Anybody could connect and there is no login: not mounted. */
  | { readonly kind: 'none' };

/** Whether only this machine can reach a server that listens there, or is meant by a name in a URL. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (name === 'localhost' || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}

/** Whether the request carries the board's own user and password. */
export function isLoggedIn(access: BoardAccess, authorization: string | undefined): boolean {
  if (access.kind !== 'login') return false;
  const [, encoded = ''] = /^basic +([\w+/=-]+) *$/i.exec(authorization ?? '') ?? [];
  return isSame(Buffer.from(encoded, 'base64').toString(), `${access.user}:${access.password}`);
}

/** In constant time: hashes have one length, so that not even the length of a password can be measured. */
function isSame(given: string, expected: string): boolean {
  const [left, right] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

export interface RequestOrigin {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/**
 * Pure: whether a browser sent this from another site. A login that the browser remembers would be sent along, so only
 * the board's own pages may change anything. Hosts are compared without their scheme, as TLS may end at a proxy. A
 * request with neither header comes from no browser.
 */
export function isCrossSite({ method, host, origin, fetchSite }: RequestOrigin): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none') return true;
  if (origin === undefined) return false;
  const from = URL.parse(origin)?.host; // `null`, which a sandboxed frame sends, is no URL
  return from === undefined || from !== URL.parse(`http://${host ?? ''}`)?.host;
}

/**
 * Pure: whether the name in the request is one of this machine's own. A page of somebody else's may let its own name
 * resolve to 127.0.0.1 (DNS rebinding) and would then read a board without a login.
 */
export function isLoopbackName(host: string | undefined): boolean {
  const name = URL.parse(`http://${host ?? ''}`)?.hostname;
  return name !== undefined && isLoopback(name);
}
