import { OPERATIONS } from './call.ts';
import { FAULT_KINDS, type Fault } from './faults.ts';
import type { EmulatedPool } from './pool.ts';
import type { EmulatedUser } from './user.ts';

/*
 * What another process or a file may send. A mistyped key would be a fault that silently never strikes, so keys and
 * types are checked; the casts below rest on these tables, which the compiler holds against the interfaces.
 */
type Kind = 'string' | 'number' | 'boolean' | 'array';

const FAULT = {
  id: 'string',
  operation: 'string',
  pool: 'string',
  accessKeyId: 'string',
  email: 'string',
  times: 'number',
  untilMs: 'number',
  probability: 'number',
  kind: 'string',
  name: 'string',
  status: 'number',
  message: 'string',
  contentType: 'string',
  body: 'string',
  ms: 'number',
  bytesPerSecond: 'number',
} as const satisfies Record<keyof Fault, Kind>;

const USER = {
  username: 'string',
  sub: 'string',
  email: 'string',
  emailVerified: 'boolean',
  enabled: 'boolean',
  status: 'string',
  identities: 'string',
  visibleAfterMs: 'number',
} as const satisfies Record<keyof EmulatedUser, Kind>;

const POOL = {
  id: 'string',
  region: 'string',
  account: 'string',
  users: 'array',
  syntheticUsers: 'number',
  caseSensitive: 'boolean',
  estimatedNumberOfUsers: 'number',
  usernameAttributes: 'array',
  aliasAttributes: 'array',
  pageSize: 'number',
  emptyFirstPages: 'number',
  visibleAfterMs: 'number',
} as const satisfies Record<keyof EmulatedPool, Kind>;

export function readFault(value: unknown): Fault {
  const fault = readObject(value, FAULT, ['kind']) as unknown as Fault;
  if (!FAULT_KINDS.includes(fault.kind)) throw new Error(`kind is one of ${FAULT_KINDS.join(', ')}`);
  if (fault.operation !== undefined && !OPERATIONS.includes(fault.operation)) {
    throw new Error(`operation is one of ${OPERATIONS.join(', ')}`);
  }
  return fault;
}

export function readUser(value: unknown): EmulatedUser {
  return readObject(value, USER, ['email']) as unknown as EmulatedUser;
}

export function readUserChange(value: unknown): Partial<EmulatedUser> {
  return readObject(value, USER, []);
}

export function readPool(value: unknown): EmulatedPool {
  const pool = readObject(value, POOL, ['id']) as unknown as EmulatedPool;
  for (const user of pool.users ?? []) readUser(user);
  return pool;
}

export function readPools(value: unknown): EmulatedPool[] {
  if (!Array.isArray(value)) throw new Error('expected an array of pools');
  return value.map(readPool);
}

/** `null` means no limit, as JSON has no Infinity. */
export function readNumbers<K extends string>(value: unknown, keys: readonly K[]): Partial<Record<K, number>> {
  const given = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const numbers = Object.fromEntries(given.map(([key, number]) => [key, number === null ? Infinity : number]));
  const kinds = Object.fromEntries(keys.map((key) => [key, 'number' as const]));
  return readObject(numbers, kinds, []) as Partial<Record<K, number>>;
}

function readObject(value: unknown, kinds: Readonly<Record<string, Kind>>, required: readonly string[]): object {
  if (typeof value !== 'object' || value === null) throw new Error('expected a JSON object');
  for (const [key, given] of Object.entries(value)) {
    if (!Object.hasOwn(kinds, key)) throw new Error(`unknown key ${key}; known are ${Object.keys(kinds).join(', ')}`);
    const kind = Array.isArray(given) ? 'array' : typeof given;
    if (kind !== kinds[key]) throw new Error(`${key} is a ${kind}, expected a ${kinds[key]}`);
  }
  const missing = required.filter((key) => !Object.hasOwn(value, key));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  return value;
}
