import { z } from 'zod';

export interface Node {
  readonly host: string;
  readonly port: number;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

export type QueueTarget =
  | ({ readonly kind: 'redis'; readonly node: Node; readonly db: number } & Login)
  | ({ readonly kind: 'redis-cluster'; readonly nodes: readonly Node[] } & Login)
  | ({ readonly kind: 'redis-sentinel'; readonly sentinels: readonly Node[]; readonly master: string } & Login)
  | { readonly kind: 'postgres'; readonly url: string };

const EXPECTED =
  'expected redis://host:port/db, redis+cluster://a:1,b:2 or redis+sentinel://a:1,b:2/master, each also with rediss for TLS and with user:password@';

/** Not `new URL`: that refuses `redis+cluster://a:1,b:2`, whose authority is a list. Errors never show the value. */
export const RedisUrl = z.string().transform((url, ctx): QueueTarget => parseRedisUrl(url) ?? refuse(ctx));

/** Without a Redis, BullMQ's own PostgreSQL backend in the database of the ledger. */
export function queueTarget(redis: QueueTarget | undefined, databaseUrl: string): QueueTarget {
  return redis ?? { kind: 'postgres', url: databaseUrl };
}

function parseRedisUrl(url: string): QueueTarget | null {
  const [, secure, kind = '', login = '', hosts = '', path = ''] =
    /^redis(s?)(\+cluster|\+sentinel)?:\/\/(?:(.*)@)?([^/@]+)(?:\/([^/]*))?$/.exec(url) ?? [];
  const defaultPort = kind === '+sentinel' ? 26_379 : 6379;
  const nodes = hosts.split(',').map((host) => parseNode(host, defaultPort));
  if (!isEveryNode(nodes)) return null;
  const credentials = parseLogin(login);
  if (credentials === null) return null;
  const shared = { ...credentials, tls: secure === 's' };

  switch (kind) {
    case '+cluster':
      return path === '' ? { kind: 'redis-cluster', nodes, ...shared } : null;
    case '+sentinel':
      return path === '' ? null : { kind: 'redis-sentinel', sentinels: nodes, master: path, ...shared };
    default: {
      const [node] = nodes;
      if (node === undefined || nodes.length > 1 || !/^\d{0,4}$/.test(path)) return null;
      return { kind: 'redis', node, db: Number(path), ...shared };
    }
  }
}

function parseNode(text: string, defaultPort: number): Node | null {
  const [, ipv6, name, port] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = ipv6 ?? name;
  const number = port === undefined ? defaultPort : Number(port);
  return host === undefined || number < 1 || number > 65_535 ? null : { host, port: number };
}

function parseLogin(login: string): { username?: string; password?: string } | null {
  const [, username = '', password = ''] = /^([^:]*)(?::(.*))?$/.exec(login) ?? [];
  try {
    return {
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
    };
  } catch {
    return null; // a lone %
  }
}

function isEveryNode(nodes: readonly (Node | null)[]): nodes is Node[] {
  return nodes.every((node) => node !== null);
}

function refuse(ctx: z.RefinementCtx): never {
  ctx.addIssue({ code: 'custom', message: EXPECTED });
  return z.NEVER;
}
