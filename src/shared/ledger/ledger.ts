import { Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { Audit } from './entities/audit.entity.ts';
import { ReleaseTenant } from './entities/release-tenant.entity.ts';
import { Release } from './entities/release.entity.ts';
import { SeedTally } from './entities/seed-tally.entity.ts';
import { Seed } from './entities/seed.entity.ts';
import { Ledger0001 } from './migrations/0001-ledger.ts';
import { Ledger0002 } from './migrations/0002-own-tables.ts';
import { Ledger0003 } from './migrations/0003-tally.ts';
import { Ledger0004 } from './migrations/0004-pacing.ts';
import { Ledger0005 } from './migrations/0005-kept-slots.ts';
import { Ledger0006 } from './migrations/0006-turns-given-back.ts';
import { Ledger0007 } from './migrations/0007-seed-fix.ts';
import { Ledger0008 } from './migrations/0008-walks.ts';
import { postgresOptions } from './postgres-options.ts';

export type Ledger = MikroORM;

export interface LedgerTarget {
  readonly url: string;
  /** Connections this process may hold to the ledger. */
  readonly maxConnections: number;
  /** For who answers questions, and rather says that there is no answer than be late with it. */
  readonly statementTimeoutMs?: number;
  /** How PostgreSQL shows the connections. */
  readonly connectionName?: string;
}

/** In the order in which they apply; a process that finds one of them missing is newer than its ledger. */
export const LEDGER_MIGRATIONS = [
  { name: '0001-ledger', class: Ledger0001 },
  { name: '0002-own-tables', class: Ledger0002 },
  { name: '0003-tally', class: Ledger0003 },
  { name: '0004-pacing', class: Ledger0004 },
  { name: '0005-kept-slots', class: Ledger0005 },
  { name: '0006-turns-given-back', class: Ledger0006 },
  { name: '0007-seed-fix', class: Ledger0007 },
  { name: '0008-walks', class: Ledger0008 },
] as const;

/** Shared with the test that compares what the migrations build with what the entities describe. */
export function ledgerOptions({ url, maxConnections, statementTimeoutMs, connectionName }: LedgerTarget): Options {
  return {
    clientUrl: url,
    entities: [Release, ReleaseTenant, Seed, SeedTally, Audit],
    extensions: [Migrator],
    migrations: {
      migrationsList: [...LEDGER_MIGRATIONS],
      tableName: 'migration',
      schema: 'rolecall',
      snapshot: false,
    },
    pool: { min: 0, max: maxConnections, idleTimeoutMillis: 30_000 },
    driverOptions: {
      ...postgresOptions(url),
      ...(connectionName !== undefined && { application_name: connectionName }),
      ...(statementTimeoutMs !== undefined && {
        statement_timeout: statementTimeoutMs,
        query_timeout: statementTimeoutMs + 1_000, // the server's own comes first, and frees the connection
      }),
    },
    ensureDatabase: false, // MikroORM would create the database of a mistyped URL, and find it empty
    discovery: { warnWhenNoEntities: false },
    logger: () => {}, // it would print failed statements with their parameters, which hold emails
  };
}

/** The caller disposes of it. Nothing is connected until the first statement. */
export async function openLedger(target: LedgerTarget): Promise<Ledger> {
  const ledger = await MikroORM.init(ledgerOptions(target));
  return Object.assign(ledger, { [Symbol.asyncDispose]: () => closeInTime(ledger) });
}

/** Bounded: a pool waits for the statements that run, and one may hang on a lock or on a server that is gone. */
async function closeInTime(ledger: Ledger): Promise<void> {
  const closed = ledger.close().catch(() => {});
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
}
