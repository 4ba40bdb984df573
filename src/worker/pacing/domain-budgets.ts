import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId } from '#shared/contract/ids.ts';
import type { CognitoOperation } from '../cognito/pace.ts';
import type { UserPool } from '../cognito/user-directory.ts';
import { budgetOf } from './pacing-budget.ts';
import type { Budget } from './slot-book.ts';

export interface DomainBudgetsDeps {
  /** A fresh one for each statement. */
  em(): EntityManager;
  now(): number;
}

/** `run`: of the seed that is asked for, if it is for one. */
export type DomainBudgets = (pool: UserPool, operation: CognitoOperation, run?: RunId) => Promise<Budget>;

/** A release that takes over names other budgets at once; one that is superseded has named its own for so long. */
const KEEP_MS = 5_000;

/**
 * A domain has the lowest budget that any tenant of a current release names, whether or not it has seeds left: the share of
 * the quota is the account's. All domains are read at once, and again for a newer run than any before.
 */
export function createDomainBudgets({ em, now }: DomainBudgetsDeps): DomainBudgets {
  let last: { readonly run: number; readonly atMs: number; readonly lowest: ReturnType<typeof readLowest> } | null =
    null;

  return async (pool, operation, run) => {
    const own = budgetOf(pool, operation);
    const lowest = await lowestFor(run ?? 0);
    return { ...own, perSecond: Math.min(own.perSecond, lowest.get(own.domain) ?? Infinity) };
  };

  function lowestFor(run: number): ReturnType<typeof readLowest> {
    if (last !== null && run <= last.run && now() < last.atMs + KEEP_MS) return last.lowest;
    const lowest = readLowest(em());
    last = { run: Math.max(run, last?.run ?? 0), atMs: now(), lowest };
    lowest.catch(() => {
      if (last?.lowest === lowest) last = null; // whoever waits for it hears of it; the next one asks anew
    });
    return lowest;
  }
}

type Named = Omit<UserPool, 'id' | 'requestsPerSecond'>;

/** By domain. A row for each way in which pools are asked, which are few. */
async function readLowest(em: EntityManager): Promise<ReadonlyMap<string, number>> {
  const rows = await em.execute<{ named: Named; lowest: number }[]>(sql`
    select (t.settings -> 'userPool') - 'id' - 'requestsPerSecond' as named,
      min((t.settings #>> '{userPool,requestsPerSecond}')::float8) as lowest
    from rolecall.release r join rolecall.release_tenant t using (run)
    where r.superseded_at is null and t.settings #> '{userPool,requestsPerSecond}' is not null
    group by named`);
  const byDomain = new Map<string, number>();
  for (const { named, lowest } of rows) {
    const { lookup = 'ListUsers' } = named; // older versions recorded none
    const { domain } = budgetOf({ ...named, lookup, requestsPerSecond: lowest }, lookup);
    byDomain.set(domain, Math.min(lowest, byDomain.get(domain) ?? Infinity));
  }
  return byDomain;
}
