import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { ConfigError } from '#shared/config/env.ts';
import type { Role } from '#shared/contract/roles.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import { ledgerOptions } from '#shared/ledger/ledger.ts';
import { hasApplied, schemaProblem, type Ask } from '#shared/ledger/applied-migrations.ts';
import { ensureRoles, hasRoles } from '#shared/managed-tables/ensure-roles.ts';
import {
  MANAGED_MIGRATIONS,
  MANAGED_MIGRATIONS_TABLE,
  managedTablesOptions,
} from '#shared/managed-tables/managed-tables.ts';
import { migrateQueue } from '#shared/queue/migrate-queue.ts';
import { queueSchemaVersion } from '#shared/queue/open-queue.ts';
import type { QueueTarget } from '#shared/queue/queue-target.ts';
import { unreachable } from '#shared/runtime/wait-until-reachable.ts';
import { fewAtOnce } from './few-at-once.ts';

export interface ManagedSchema {
  /** For messages: the name of the variable that holds the URL. */
  readonly databaseUrlEnv: string;
  readonly url: string;
  readonly schema: string;
}

export interface MigrateOptions {
  readonly ledgerUrl: string;
  readonly queue: QueueTarget;
  readonly managed: readonly ManagedSchema[];
  readonly roles: readonly Role[];
}

/**
 * Brings ledger, queue and managed tables up to date. Where they are, which is what most deploys find, two questions for each
 * schema tell, and no lock is taken: there may be thousands. Of many at once that have something to do, one works and the
 * others wait.
 */
export async function migrate({ ledgerUrl, queue, managed, roles }: MigrateOptions): Promise<void> {
  await connected({ url: ledgerUrl, databaseUrlEnv: 'DATABASE_URL' }, (client) =>
    underLockUnless(
      async () => (await schemaProblem(asking(client), queueSchemaVersion(queue))) === null,
      client,
      async () => {
        await migrateTables(ledgerOptions({ url: ledgerUrl, maxConnections: 2 }));
        if (queue.kind === 'postgres') await migrateQueue(client);
      },
    ),
  );
  const problems = new Set<string>();
  const note = (error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    problems.add(error.message);
  };
  await fewAtOnce(Map.groupBy(managed, ({ url }) => url).values(), (targets) =>
    connected(targets[0] as ManagedSchema, async (client) => {
      for (const target of targets) {
        await underLockUnless(
          () => isManaged(client, target, roles),
          client,
          () => migrateManaged(target, roles).catch(note),
        );
      }
    }).catch(note),
  );
  if (problems.size > 0) throw new ConfigError([...problems].toSorted().join('\n'));
}

async function isManaged(client: pg.Client, { schema }: ManagedSchema, roles: readonly Role[]): Promise<boolean> {
  const ask = asking(client);
  const quoted = client.escapeIdentifier(schema);
  const isMigrated = await hasApplied(ask, `${quoted}.${MANAGED_MIGRATIONS_TABLE}`, MANAGED_MIGRATIONS);
  return isMigrated && (await hasRoles(ask, `${quoted}.roles`, roles));
}

async function migrateManaged(target: ManagedSchema, roles: readonly Role[]): Promise<void> {
  const ensure = (orm: MikroORM) => ensureRoles(orm.em.fork(), target.schema, roles);
  const conflicts = await migrateTables(inSchema(target), ensure).catch((cause: unknown) => {
    throw codeOf(cause) === TABLE_EXISTS ? new ConfigError(describeTaken(target), { cause }) : cause;
  });
  if (conflicts && conflicts.length > 0) throw new ConfigError(describe(target, conflicts));
}

async function migrateTables<T>(
  options: ReturnType<typeof ledgerOptions>,
  afterwards?: (orm: MikroORM) => Promise<T>,
): Promise<T | undefined> {
  const orm = await MikroORM.init(options);
  try {
    await orm.migrator.up();
    return await afterwards?.(orm);
  } finally {
    await orm.close(true);
  }
}

/**
 * What the migrations name without a schema must land in the tenant's. By default PostgreSQL looks into a schema with the
 * name of the user first, and a user named rolecall finds the ledger there.
 */
function inSchema(target: ManagedSchema): ReturnType<typeof managedTablesOptions> {
  const options = managedTablesOptions({ ...target, maxConnections: 2 });
  return { ...options, driverOptions: { ...options.driverOptions, options: `-c search_path=${target.schema}` } };
}

/** Held by whoever changes tables. */
export const MIGRATION_LOCK = 7_286_133_011; // any number, the same in every version: two releases may migrate side by side

type Database = Pick<ManagedSchema, 'url' | 'databaseUrlEnv'>;

const INSUFFICIENT_PRIVILEGE = '42501';
const PROTOCOL_VIOLATION = '08P01';
const TABLE_EXISTS = '42P07';

/** One connection for all that is asked of a database. */
async function connected({ url, databaseUrlEnv }: Database, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await connect(url);
  try {
    await use(client);
  } catch (cause) {
    if (codeOf(cause) === PROTOCOL_VIOLATION) throw unreachable(`PostgreSQL (${databaseUrlEnv})`, cause); // of a pooler, to `options`
    if (codeOf(cause) !== INSUFFICIENT_PRIVILEGE) throw cause;
    throw new ConfigError(
      `the user of ${databaseUrlEnv} may not migrate its database: produce and migrate need a user that may create schemas and tables there`,
      { cause },
    );
  } finally {
    await client.end();
  }
}

/** A lock of the session, since the migrator uses connections of its own. Who had to wait for it mostly finds all done. */
async function underLockUnless(isDone: () => Promise<boolean>, client: pg.Client, work: () => Promise<void>) {
  if (await isDone()) return;
  await client.query(`set lock_timeout = '120s'`);
  await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    if (!(await isDone())) await work();
  } finally {
    await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => {}); // then it goes with the session
  }
}

function asking(client: pg.Client): Ask {
  return async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(text, [...values])).rows;
}

/** Throws when PostgreSQL does not answer within seconds. */
export async function askPostgres(url: string): Promise<void> {
  const client = await connect(url);
  await client.end();
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    application_name: 'rolecall-migrate',
  });
  client.on('error', () => {}); // a dropped connection rejects the query in flight; without a listener it would crash
  await client.connect();
  return client;
}

function describeTaken({ databaseUrlEnv, schema }: ManagedSchema): string {
  return `the schema ${schema} in the database of ${databaseUrlEnv} has roles, user_role or an index of theirs already, and no record that rolecall made them: let the tenant map its tables by grants.table, or name another grants.schema`;
}

function describe(
  { databaseUrlEnv, schema }: ManagedSchema,
  conflicts: Awaited<ReturnType<typeof ensureRoles>>,
): string {
  const lines = conflicts.map(
    ({ name, wanted, found }) =>
      `  role "${name}": the manifest says id ${wanted}, the table says ${found}. Put the table's id into the manifest, or rename the role.`,
  );
  return `the roles of the manifest contradict ${schema}.roles in the database of ${databaseUrlEnv}:\n${lines.join('\n')}`;
}
