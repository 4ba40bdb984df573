import type { TenantId } from '#shared/contract/ids.ts';

export interface WalkedTenants {
  add(domain: string, tenants: Iterable<TenantId>): void;
  /** Those whose seeds are to be let go now, by the domain in which their lookups would be paced. Each is named a few times. */
  next(): ReadonlyMap<string, ReadonlySet<TenantId>>;
}

/**
 * Who looked just before the walk ended has been parked when the third round comes, a fifth of a second later. More would only
 * bring forward again and again whom the walk did not see: they need a slot, and are parked anew.
 */
const ROUNDS = 3;

/**
 * Tenants whose pools this process has just walked through. Where decisions queue up, their seeds were told to wait for slots
 * meanwhile, which they do not need any more.
 */
export function createWalkedTenants(): WalkedTenants {
  let walks: { readonly domain: string; readonly tenants: readonly TenantId[]; readonly rounds: number }[] = [];
  return {
    add(domain, tenants) {
      walks.push({ domain, tenants: [...tenants], rounds: ROUNDS });
    },
    next() {
      const domains = Map.groupBy(walks, ({ domain }) => domain);
      walks = walks.flatMap((walk) => (walk.rounds > 1 ? [{ ...walk, rounds: walk.rounds - 1 }] : []));
      return new Map([...domains].map(([domain, of]) => [domain, new Set(of.flatMap(({ tenants }) => tenants))]));
    },
  };
}
