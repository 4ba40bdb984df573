import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { moveUnaskedToRetrying } from '#shared/ledger/move-seed.ts';
import type { RunId, TenantId } from '#shared/contract/ids.ts';
import type { UserPool } from './cognito/user-directory.ts';
import { budgetOf } from './pacing/pacing-budget.ts';

export interface UsedUpQuotas {
  /** It was throttled although it is asked as seldom as it ever is. */
  add(domain: string): void;
  /** Tells the ledger, and returns of how many seeds. Where it fails, the next throttle brings the news again. */
  tell(signal: AbortSignal): Promise<number>;
}

/** So many rows are locked at a time. */
const PAGE = 1_000;

/**
 * Whoever waits for a slot of a quota that others use up takes the throttle of those who were asked for an answer of their own,
 * and keeps its turn. Else a release of 500 seeds would hold its gate for as many seconds, until the trickle that is left has got
 * round to the last of them, while the gate tolerates each of those that were throttled.
 */
export function createUsedUpQuotas(em: () => EntityManager): UsedUpQuotas {
  const news = new Set<string>();
  return {
    add: (domain) => void news.add(domain),
    async tell(signal) {
      if (news.size === 0) return 0;
      const domains = new Set(news);
      news.clear();
      const tenants = await tenantsOf(em(), domains);
      for (let total = 0; ;) {
        const moved = await moveUnaskedToRetrying(em(), { tenants, reason: 'throttled', limit: PAGE });
        total += moved;
        if (moved < PAGE || signal.aborted) return total;
      }
    },
  };
}

interface TenantOfRun {
  readonly run: RunId;
  readonly tenant: TenantId;
}

/** Those of current runs whose lookups share one of these quotas. */
async function tenantsOf(em: EntityManager, domains: ReadonlySet<string>): Promise<TenantOfRun[]> {
  const rows = await em.execute<{ run: string; tenant: TenantId; pool: UserPool }[]>(sql`
    select t.run, t.tenant, t.settings -> 'userPool' as pool
    from rolecall.release r join rolecall.release_tenant t using (run) where r.superseded_at is null`);
  // Older versions recorded no lookup.
  const isOne = ({ lookup = 'ListUsers', ...pool }: UserPool) =>
    domains.has(budgetOf({ ...pool, lookup }, lookup).domain);
  return rows.filter(({ pool }) => isOne(pool)).map(({ run, tenant }) => ({ run: Number(run) as RunId, tenant })); // as the ledger has them
}
