import { createSyntheticUsers, SYNTHETIC_ORDINAL } from './synthetic-users.ts';
import { storeUser, type EmulatedUser, type StoredUser } from './user.ts';

export interface EmulatedPool {
  readonly id: string;
  /** Default: the part of the id before the underscore. */
  readonly region?: string;
  /** Default: 111122223333. */
  readonly account?: string;
  readonly users?: readonly EmulatedUser[];
  /** So many more users, made when asked for: `person-0@synthetic.example.org` and so on. */
  readonly syntheticUsers?: number;
  /** Decides what AdminGetUser finds; ListUsers ignores case either way. Default: false. */
  readonly caseSensitive?: boolean;
  /** What DescribeUserPool says. Default: the true number. */
  readonly estimatedNumberOfUsers?: number;
  /** With what people sign in, and so what AdminGetUser takes for a name. Default: `['email']`. */
  readonly usernameAttributes?: readonly string[];
  /** Aliases of a username; `['email']` makes verified emails work in AdminGetUser. Default: none. */
  readonly aliasAttributes?: readonly string[];
  /** Pages of ListUsers hold at most so many users, whatever the Limit. */
  readonly pageSize?: number;
  /** So many pages of every chain come first, empty and with a token, as happens at AWS. */
  readonly emptyFirstPages?: number;
  /** ListUsers shows a user of this pool so long after it was added. */
  readonly visibleAfterMs?: number;
}

export const DEFAULT_ACCOUNT = '111122223333';

export interface Pool {
  readonly settings: EmulatedPool;
  readonly region: string;
  readonly account: string;
  readonly createdMs: number;
  readonly size: number;
  add(user: EmulatedUser): StoredUser;
  /** Removes every user with this email; none is fine. */
  remove(email: string): void;
  /** Changes every user with this email; none is fine. */
  update(email: string, change: Partial<EmulatedUser>): void;
  /** Whoever has it, whatever the case, in the order of the pool. */
  having(attribute: IndexedAttribute, value: string): readonly StoredUser[];
  /** Everybody from this ordinal on, in the order of the pool. */
  from(ordinal: number): Iterable<StoredUser>;
}

export const INDEXED = ['email', 'sub', 'username'] as const;
export type IndexedAttribute = (typeof INDEXED)[number];

/** What Cognito takes for a user pool id; calls with another form are refused before anything is looked up. */
export const POOL_ID = /^[\w-]+_[0-9a-zA-Z]+$/;

export function createPool(settings: EmulatedPool, now: () => number): Pool {
  if (!POOL_ID.test(settings.id)) throw new Error(`no user pool id: ${settings.id}; like eu-west-2_AbCdEfGhI`);
  const visibleAfterMs = settings.visibleAfterMs ?? 0;
  const synthetic = createSyntheticUsers(settings.id, settings.syntheticUsers ?? 0);
  const removedSynthetic = new Set<number>();
  const users: (StoredUser | undefined)[] = []; // by ordinal; a removed user leaves a hole
  const index = new Map<string, StoredUser[]>();

  function place(user: StoredUser): StoredUser {
    users[user.ordinal] = user;
    for (const attribute of INDEXED) {
      const key = indexKey(attribute, user[attribute]);
      index.set(
        key,
        [...(index.get(key) ?? []), user].toSorted((a, b) => a.ordinal - b.ordinal),
      );
    }
    return user;
  }

  function displace(user: StoredUser): void {
    if (user.ordinal >= SYNTHETIC_ORDINAL) removedSynthetic.add(user.ordinal - SYNTHETIC_ORDINAL);
    else users[user.ordinal] = undefined;
    for (const attribute of INDEXED) {
      const key = indexKey(attribute, user[attribute]);
      const others = index.get(key)?.filter((other) => other !== user) ?? [];
      if (others.length > 0) index.set(key, others);
      else index.delete(key);
    }
  }

  function having(attribute: IndexedAttribute, value: string): readonly StoredUser[] {
    const real = index.get(indexKey(attribute, value)) ?? [];
    const n = synthetic.numberOf(value);
    if (n === undefined || removedSynthetic.has(n)) return real;
    const user = synthetic.at(n);
    return user[attribute].toLowerCase() === value.toLowerCase() ? [...real, user] : real;
  }

  const pool: Pool = {
    settings,
    region: settings.region ?? settings.id.slice(0, settings.id.lastIndexOf('_')),
    account: settings.account ?? DEFAULT_ACCOUNT,
    createdMs: now(),
    get size() {
      return (index.size > 0 ? users.filter(Boolean).length : 0) + synthetic.count - removedSynthetic.size;
    },
    add: (user) => place(storeUser(user, { ordinal: users.length, nowMs: now(), visibleAfterMs })),
    remove(email) {
      for (const user of having('email', email)) displace(user);
    },
    update(email, change) {
      const hidden = change.visibleAfterMs !== undefined && { visibleFromMs: now() + change.visibleAfterMs };
      for (const user of having('email', email)) {
        displace(user);
        const ordinal = Math.min(user.ordinal, users.length); // a synthetic user becomes a real one
        place({ ...user, ...change, ...hidden, ordinal, modifiedMs: now() });
      }
    },
    having,
    *from(ordinal) {
      for (let at = ordinal; at < users.length; at += 1) {
        const user = users[at];
        if (user !== undefined) yield user;
      }
      for (let n = Math.max(0, ordinal - SYNTHETIC_ORDINAL); n < synthetic.count; n += 1) {
        if (!removedSynthetic.has(n)) yield synthetic.at(n);
      }
    },
  };
  for (const user of settings.users ?? []) pool.add(user);
  return pool;
}

function indexKey(attribute: IndexedAttribute, value: string): string {
  return `${attribute} ${value.toLowerCase()}`;
}
