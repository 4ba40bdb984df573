import type { CognitoRequestsDeps } from './cognito/cognito-requests.ts';
import { poolKey } from './cognito/user-directory.ts';
import { budgetOf } from './pacing/pacing-budget.ts';
import type { PoolGuard } from './pacing/pool-guard.ts';
import type { Slots } from './pacing/slots.ts';
import type { UsedUpQuotas } from './used-up-quotas.ts';

/**
 * A throttle slows down the quota of the operation that met it, be it of a lookup, of its second look, or of a walk. But not
 * where the pool refuses its lookups while others of its domain are answered: that is no quota.
 */
export function slowDownThrottled(
  guard: Pick<PoolGuard, 'throttlesAlone'>,
  slots: Pick<Slots, 'slowDown'>,
  usedUp: Pick<UsedUpQuotas, 'add'>,
): CognitoRequestsDeps['throttled'] {
  return async (pool, operation) => {
    if (operation === pool.lookup && guard.throttlesAlone(poolKey(pool))) return;
    const isUsedUp = await slots.slowDown(pool, operation).catch(() => false); // whoever needs a slot next says that the book is away
    if (isUsedUp) usedUp.add(budgetOf(pool, operation).domain);
  };
}
