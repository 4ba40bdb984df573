import { Migrator } from '@mikro-orm/migrations';
import type { Options } from '@mikro-orm/postgresql';
import { postgresOptions } from '#shared/ledger/postgres-options.ts';
import { ManagedTables0001 } from './migrations/0001-managed-tables.ts';
import { Roles } from './roles.entity.ts';
import { UserRole } from './user-role.entity.ts';

export interface ManagedTablesTarget {
  readonly url: string;
  readonly schema: string;
  readonly maxConnections: number;
}

/** In the order in which they apply. */
export const MANAGED_MIGRATIONS = [{ name: '0001-managed-tables', class: ManagedTables0001 }] as const;
/** Which of them were applied stands there, in the schema of the tables. */
export const MANAGED_MIGRATIONS_TABLE = 'rolecall_migration';

/** `roles` and `user_role` in one schema of one database. */
export function managedTablesOptions({ url, schema, maxConnections }: ManagedTablesTarget): Options {
  return {
    clientUrl: url,
    schema,
    entities: [Roles, UserRole],
    extensions: [Migrator],
    migrations: {
      migrationsList: [...MANAGED_MIGRATIONS],
      tableName: MANAGED_MIGRATIONS_TABLE,
      schema,
      snapshot: false,
    },
    pool: { min: 0, max: maxConnections, idleTimeoutMillis: 30_000 },
    driverOptions: postgresOptions(url),
    ensureDatabase: false, // MikroORM would create the database of a mistyped URL, and find it empty
    logger: () => {}, // it would print failed statements with their parameters
  };
}
