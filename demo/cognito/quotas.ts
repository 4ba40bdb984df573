import type { CognitoOperation } from './call.ts';
import { takeToken, type Bucket } from './token-bucket.ts';

/** Calls per second; Infinity for none. */
export interface Quotas {
  readonly UserList: number;
  readonly UserRead: number;
  readonly UserPoolRead: number;
}

/** What AWS grants by default (AWS docs: quotas of Cognito user pools). */
export const DEFAULT_QUOTAS: Quotas = { UserList: 30, UserRead: 120, UserPoolRead: 15 };

/** Operations share a quota by category. */
export const CATEGORY = {
  ListUsers: 'UserList',
  AdminGetUser: 'UserRead',
  DescribeUserPool: 'UserPoolRead',
} as const satisfies Record<CognitoOperation, keyof Quotas>;

export interface Throttle {
  /** `false`: the call is over the quota of its account and region, whichever pool it asks about. */
  admit(operation: CognitoOperation, accountRegion: string): boolean;
  set(quotas: Partial<Quotas>): void;
}

export function createThrottle(initial: Partial<Quotas>, now: () => number): Throttle {
  let quotas: Quotas = { ...DEFAULT_QUOTAS, ...initial };
  const buckets = new Map<string, Bucket>();
  return {
    admit(operation, accountRegion) {
      const category = CATEGORY[operation];
      if (quotas[category] === Infinity) return true;
      const key = `${category} ${accountRegion}`;
      const { allowed, bucket } = takeToken(buckets.get(key), quotas[category], now());
      buckets.set(key, bucket);
      return allowed;
    },
    set(changed) {
      quotas = { ...quotas, ...changed };
      buckets.clear(); // a bucket filled under the old quota would let a burst of the old size through
    },
  };
}
