import type { TenantId } from '#shared/contract/ids.ts';
import { DEFAULT_REQUESTS_PER_SECOND } from '#shared/contract/tenant-settings.ts';
import type { CognitoRequests, PoolDescription } from '../cognito/cognito-requests.ts';
import type { CognitoOperation } from '../cognito/pace.ts';
import type { UserPool } from '../cognito/user-directory.ts';
import { planWalk, type WalkPlan } from './break-even.ts';
import type { SeenUsers } from './seen-users.ts';
import type { KnownWalk } from './walk-book.ts';
import { walkPool, type ClearUsers } from './walk-pool.ts';
import type { QueuedWalk, WalkQueue } from './walk-queue.ts';

export interface PoolWalkerDeps {
  readonly requests: CognitoRequests;
  readonly seen: Pick<SeenUsers, 'note'>;
  readonly queue: WalkQueue;
  domainOf(pool: UserPool, operation: CognitoOperation): string;
  /** In memory at once, over all pools. */
  readonly maxUsers: number;
  /** Ends every walk. */
  readonly signal: AbortSignal;
}

/** What is to be known of a walk while it is under way. */
export interface WalkSteps {
  /** Others come before it. */
  queued(place: QueuedWalk): void;
  /** Asked when its turn comes. */
  isGivenUp(): boolean;
  begun(place: QueuedWalk): void;
}

export type WalkEnd = {
  /** As it was asked for; absent: it was known. */
  readonly size?: PoolDescription;
} & (
  | { readonly kind: 'walked'; readonly tenants: ReadonlySet<TenantId> }
  | { readonly kind: 'declined'; readonly alsoForNewRuns: boolean }
  | { readonly kind: 'given up' }
);

/** A newer run may want more of the pool, so that a walk pays. */
const DEARER = { kind: 'declined', alsoForNewRuns: false } as const;
/** For a newer run it would be no better. */
export const IN_VAIN = { kind: 'declined', alsoForNewRuns: true } as const;

/** From its first page: 20,000 users in pages of 60 at 20 a second take 17 s. */
const WALK_DEADLINE_MS = 120_000;
/** Descriptions of a thousand pools of an account, at 10 a second. */
const DECISION_DEADLINE_MS = 120_000;
/** Of an account and region, whatever a manifest says; not adjustable (AWS docs: quotas in Amazon Cognito). */
const LIST_USERS_PER_SECOND = 30;

/** Finds out whether a walk pays, walks when it is its turn, and notes whom it saw. It throws what a request of a page throws. */
export function createPoolWalker({ requests, seen, queue, domainOf, maxUsers, signal }: PoolWalkerDeps) {
  let usersUnderWay = 0;

  return async (walk: KnownWalk, steps: WalkSteps): Promise<WalkEnd> => {
    const { pool, seeds, wantedAtMs } = walk;
    const size = walk.size ?? (await describe(pool));
    const news = walk.size === null ? { size } : {};
    const plan = planWalk({ seeds, ...ratesOf(pool), ...size });
    if (plan === null) return { ...DEARER, ...news };
    const read = await readInTurn(walk, plan, size.users ?? 0, steps);
    if ('kind' in read) return { ...read, ...news };
    return { kind: 'walked', tenants: await seen.note({ pool, users: read, wantedAtMs }), ...news };
  };

  /** Optional: without the permission, or the answer, the size is unknown. */
  function describe(pool: UserPool): Promise<PoolDescription> {
    return requests
      .describePool(pool, { signal: within(DECISION_DEADLINE_MS) })
      .catch(() => ({ users: null, roundTripMs: 0 }));
  }

  async function readInTurn(
    { pool, seeds }: KnownWalk,
    plan: WalkPlan,
    expected: number,
    steps: WalkSteps,
  ): Promise<ClearUsers | WalkEnd> {
    const [domain, lookupDomain] = [domainOf(pool, 'ListUsers'), domainOf(pool, pool.lookup)];
    using place = queue.enter({ domain, lookupDomain, seeds, plan }); // until all pages are read, as the rest takes no quota
    if (place === null) return DEARER;
    if (!place.isFirst) {
      steps.queued(place);
      await place.turn;
      if (steps.isGivenUp()) return { kind: 'given up' };
    }
    if (usersUnderWay + expected > maxUsers) return IN_VAIN;
    let counted = expected;
    usersUnderWay += counted;
    try {
      steps.begun(place);
      place.begin();
      const read = await walkPool(pool, {
        requests,
        plan,
        signal: within(WALK_DEADLINE_MS),
        turned({ pages, users }) {
          place.turned(pages);
          usersUnderWay += Math.max(0, users - counted);
          counted = Math.max(counted, users);
        },
      });
      return read ?? IN_VAIN;
    } finally {
      usersUnderWay -= counted;
    }
  }

  function within(ms: number): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  }
}

/** What is left of the quotas for one pool, at best. */
export function ratesOf({ lookup, requestsPerSecond }: UserPool) {
  const byList = lookup === 'ListUsers';
  const share = byList ? requestsPerSecond : DEFAULT_REQUESTS_PER_SECOND.ListUsers;
  const pagesPerSecond = Math.min(share, LIST_USERS_PER_SECOND);
  return { pagesPerSecond, lookupsPerSecond: byList ? pagesPerSecond : requestsPerSecond };
}
