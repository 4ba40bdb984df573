import { createHash } from 'node:crypto';
import { storeUser, type StoredUser } from './user.ts';

/** Ordinals of synthetic users begin here: no pool gets that many real ones, so a scan meets the real ones first. */
export const SYNTHETIC_ORDINAL = 2 ** 40;

/** The email of the n-th synthetic user, from 0. */
export function syntheticEmail(n: number): string {
  return `person-${n}@synthetic.example.org`;
}

export interface SyntheticUsers {
  readonly count: number;
  at(n: number): StoredUser;
  /** The number of the user with this email, sub or username; `undefined` when it is none of these. */
  numberOf(value: string): number | undefined;
}

/** A big pool that costs nothing: everything about a user follows from the pool and the number. */
export function createSyntheticUsers(poolId: string, count: number): SyntheticUsers {
  const poolHash = createHash('sha256').update(poolId).digest('hex');
  const subHead = `${poolHash.slice(0, 8)}-${poolHash.slice(8, 12)}-7${poolHash.slice(12, 15)}-9${poolHash.slice(15, 18)}-`;
  return {
    count,
    at(n) {
      const user = { email: syntheticEmail(n), sub: subHead + n.toString(16).padStart(12, '0') };
      return storeUser(user, { ordinal: SYNTHETIC_ORDINAL + n, nowMs: CREATED_MS, visibleAfterMs: 0 });
    },
    numberOf(value) {
      const lowered = value.toLowerCase();
      const byEmail = EMAIL.exec(lowered)?.[1];
      const bySub = lowered.startsWith(subHead) ? Number.parseInt(lowered.slice(subHead.length), 16) : undefined;
      const n = byEmail === undefined ? bySub : Number(byEmail);
      return n !== undefined && n < count ? n : undefined;
    },
  };
}

const EMAIL = /^person-(0|[1-9]\d*)@synthetic\.example\.org$/;
const CREATED_MS = Date.UTC(2024, 0, 1);
