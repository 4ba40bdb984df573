import type { TenantId } from '#shared/contract/ids.ts';

export interface WalkedTenants {
  add(domain: string, tenants: Iterable<TenantId>): void;
  /** Those of a moment ago, by the domain in which their lookups would be paced. */
  byDomain(): ReadonlyMap<string, ReadonlySet<TenantId>>;
  /** There are more seeds of those of a domain than were let go at once. */
  goOn(domain: string): void;
}

/** Who looked just before the walk ended has been parked by then. */
const FOR_MS = 1_000;

/**
 * Tenants whose pools this process has just walked through. Where decisions queue up, their seeds were told to wait for slots
 * meanwhile, which they do not need any more.
 */
export function createWalkedTenants(now: () => number): WalkedTenants {
  let walks: { readonly domain: string; readonly tenants: ReadonlySet<TenantId>; untilMs: number }[] = [];
  return {
    add(domain, tenants) {
      walks.push({ domain, tenants: new Set(tenants), untilMs: now() + FOR_MS });
    },
    byDomain() {
      walks = walks.filter(({ untilMs }) => now() < untilMs);
      const domains = new Map<string, Set<TenantId>>();
      for (const { domain, tenants } of walks) {
        domains.set(domain, new Set([...(domains.get(domain) ?? []), ...tenants]));
      }
      return domains;
    },
    goOn(domain) {
      for (const walk of walks) if (walk.domain === domain) walk.untilMs = now() + FOR_MS;
    },
  };
}
