import { hash } from 'node:crypto';
import { DEFAULT_REQUESTS_PER_SECOND } from '#shared/contract/tenant-settings.ts';
import type { CognitoOperation } from '../cognito/pace.ts';
import type { UserPool } from '../cognito/user-directory.ts';
import type { Budget } from './slot-book.ts';

/**
 * Cognito counts per category of operations, AWS account and Region, over all pools there (AWS: Quotas in Amazon Cognito).
 * The account is that of the assumed role; without one it is the worker's own, whichever that is. An endpoint of one's own
 * stands for another Cognito, and is hashed, as it goes into keys and might hold a password.
 */
export function budgetOf(
  { region, endpoint, assumeRole, lookup, requestsPerSecond }: Omit<UserPool, 'id'>,
  operation: CognitoOperation,
): Budget {
  const account = /^arn:[^:]*:iam::(\d{12}):/.exec(assumeRole?.arn ?? '')?.[1] ?? 'own';
  const elsewhere = endpoint === undefined ? [] : [hash('sha256', endpoint, 'base64url').slice(0, 12)];
  return {
    domain: [account, region, ...elsewhere, CATEGORY[operation]].join('/'),
    perSecond: operation === lookup || requestsPerSecond >= UNPACED_FROM ? requestsPerSecond : PER_SECOND[operation],
  };
}

/** AWS: Quotas in Amazon Cognito, "API categories": UserList 30/s, UserRead 120/s, UserPoolRead 15/s. */
const CATEGORY = { ListUsers: 'user-list', AdminGetUser: 'user-read', DescribeUserPool: 'user-pool-read' } as const;
/** What a manifest does not say: its share is that of the lookup. Whoever has no quota there has none here. */
const PER_SECOND = { ...DEFAULT_REQUESTS_PER_SECOND, DescribeUserPool: 10 } as const satisfies Record<
  CognitoOperation,
  number
>;

/** No quota of Cognito is that high, so this is an emulator's; a reservation would take longer than its interval. */
export function isUnpaced({ perSecond }: Budget): boolean {
  return perSecond >= UNPACED_FROM;
}

const UNPACED_FROM = 1_000;
