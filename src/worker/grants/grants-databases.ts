import { MikroORM, type EntityManager } from '@mikro-orm/postgresql';
import { managedTablesOptions } from '#shared/managed-tables/managed-tables.ts';

/** Where a tenant's grants live: beside the ledger, in a database of their own, or nowhere that this worker knows. */
export type GrantsDatabase =
  | { readonly kind: 'ledger' }
  | { readonly kind: 'other'; readonly em: EntityManager }
  | { readonly kind: 'not-configured' };

export interface GrantsDatabases extends AsyncDisposable {
  find(databaseUrlEnv: string): Promise<GrantsDatabase>;
}

export interface GrantsDatabasesOptions {
  readonly ledgerUrl: string;
  /** The URL that this environment variable holds. */
  urlOf(databaseUrlEnv: string): string | undefined;
  readonly maxConnections: number;
}

/** One pool per database, opened on first use and kept. */
export function createGrantsDatabases({ ledgerUrl, urlOf, maxConnections }: GrantsDatabasesOptions): GrantsDatabases {
  const opened = new Map<string, Promise<MikroORM>>();

  function open(url: string): Promise<MikroORM> {
    const known = opened.get(url);
    if (known !== undefined) return known;
    const opening = MikroORM.init(managedTablesOptions({ url, schema: 'public', maxConnections }));
    opened.set(url, opening);
    opening.catch(() => opened.delete(url)); // the next seed tries again
    return opening;
  }

  return {
    async find(databaseUrlEnv) {
      const url = urlOf(databaseUrlEnv);
      if (url === undefined) return { kind: 'not-configured' };
      return url === ledgerUrl ? { kind: 'ledger' } : { kind: 'other', em: (await open(url)).em.fork() };
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([...opened.values()].map(async (orm) => (await orm).close(true)));
    },
  };
}
