import { MikroORM, type EntityManager, type Options } from '@mikro-orm/postgresql';
import type { UrlOfVariable } from '#shared/config/postgres-url.ts';
import type { TenantSettings } from '#shared/contract/tenant-settings.ts';
import { postgresOptions } from '#shared/ledger/postgres-options.ts';
import { lendBounded } from './lend-bounded.ts';

/** Where a tenant's grants live: beside the ledger, in a database of their own, or nowhere that this worker knows. */
export type GrantsDatabase =
  | { readonly kind: 'ledger' }
  | { readonly kind: 'other'; readonly em: EntityManager }
  | { readonly kind: 'not-configured'; readonly problem: string };

/** Where grants of a tenant are written, and the server, which fails for all its databases. For comparing, not for showing. */
export interface GrantsSite {
  readonly table: string;
  readonly server: string;
}

export interface GrantsDatabases extends AsyncDisposable {
  /** `null`: the managed tables beside the ledger, or a database that this worker does not know. */
  siteOf(grants: TenantSettings['grants']): GrantsSite | null;
  /**
   * Lends the database while `work` runs. Before, not in, a transaction of the ledger: there may be a wait for a place, and
   * whoever holds one is about to ask for the ledger.
   */
  use<Result>(databaseUrlEnv: string, work: (database: GrantsDatabase) => Promise<Result>): Promise<Result>;
}

export interface GrantsDatabasesOptions {
  readonly ledgerUrl: string;
  urlOf(databaseUrlEnv: string): UrlOfVariable;
  readonly limits?: GrantsDatabasesLimits;
}

export interface GrantsDatabasesLimits {
  readonly databases: number;
  readonly connectionsEach: number;
  readonly idleMs: number;
}

/**
 * Of thousands of tenants with a database each, a worker is busy with a few at a time: 50 databases with at most 4
 * connections each are more than its jobs need, and an idle one costs its server nothing after a minute.
 */
const LIMITS: GrantsDatabasesLimits = { databases: 50, connectionsEach: 4, idleMs: 60_000 };

/** One small pool per database, opened on first use; those idle longest make room for others. */
export function createGrantsDatabases({ ledgerUrl, urlOf, limits = LIMITS }: GrantsDatabasesOptions): GrantsDatabases {
  const open = lendBounded<MikroORM>({
    limit: limits.databases,
    idleMs: limits.idleMs,
    open: (url) => MikroORM.init(options(url, limits)),
    close: (orm) => orm.close(true),
  });
  const sites = new WeakMap<TenantSettings['grants'], { readonly site: GrantsSite | null }>(); // settings are shared by seeds

  function findSite({ databaseUrlEnv, schema, table }: TenantSettings['grants']): GrantsSite | null {
    const found = urlOf(databaseUrlEnv);
    if ('problem' in found) return null;
    const { url } = found;
    if (url === ledgerUrl && table === undefined) return null;
    return { table: JSON.stringify([url, schema, table?.name]), server: new URL(url).host };
  }

  return {
    siteOf(grants) {
      const known = sites.get(grants);
      if (known !== undefined) return known.site;
      const site = findSite(grants);
      sites.set(grants, { site });
      return site;
    },
    async use(databaseUrlEnv, work) {
      const found = urlOf(databaseUrlEnv);
      if ('problem' in found) return work({ kind: 'not-configured', problem: found.problem });
      const { url } = found;
      if (url === ledgerUrl) return work({ kind: 'ledger' });
      return open.lend(url, (orm) => work({ kind: 'other', em: orm.em.fork() }));
    },
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
}

/** No entities: grants are written in SQL, as nobody knows a tenant's tables before. */
function options(url: string, { connectionsEach, idleMs }: GrantsDatabasesLimits): Options {
  return {
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    pool: { min: 0, max: connectionsEach, idleTimeoutMillis: Math.min(idleMs, 10_000) },
    driverOptions: postgresOptions(url),
    ensureDatabase: false, // MikroORM would create the database of a mistyped URL, and find it empty
    logger: () => {}, // it would print failed statements with their parameters
  };
}
