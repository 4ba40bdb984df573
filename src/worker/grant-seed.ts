import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { Sub } from '#shared/contract/ids.ts';
import { moveSeed } from '#shared/ledger/move-seed.ts';
import { classifyDatabaseError } from './grants/database-errors.ts';
import type { GrantsWritten, GrantStore, MadeGrant, WantedGrants, WriteOptions } from './grants/grant-store.ts';
import type { GrantStores } from './grants/grant-stores.ts';
import type { GrantsDatabase, GrantsDatabases } from './grants/grants-databases.ts';
import { failed, type Outcome } from './outcome.ts';
import type { TakenSeed } from './take-seed.ts';

export interface GrantDeps {
  readonly ledger: EntityManager;
  readonly databases: GrantsDatabases;
  readonly stores: GrantStores;
}

/** What comes after a lock must see what was committed before it, also where another level is the database's default. */
const READ_COMMITTED = { isolationLevel: 'read committed' } as const;

/**
 * Grants all roles of a seed, settles it and writes the audit lines. In one transaction where the grants live beside the
 * ledger; elsewhere the grants are committed first and the ledger second, and doing it again is safe. The seed's row is
 * locked from the start, so a newer run that supersedes it comes either before the grants, and there are none, or after.
 */
export async function grantSeed(deps: GrantDeps, seed: TakenSeed, sub: Sub): Promise<Outcome> {
  return deps.databases.use(seed.grants.databaseUrlEnv, async (database) => {
    if (database.kind === 'not-configured') return failed('database-not-configured', seed.grants.databaseUrlEnv);
    const outcome = await attempt(deps, { database, seed, sub, readAfresh: false });
    // Nobody is blocked because of what a table looked like a minute ago.
    return (
      outcome ?? (await attempt(deps, { database, seed, sub, readAfresh: true })) ?? failed('database-conflict', null)
    );
  });
}

/**
 * Whether the grants of a seed could be written, before anybody asks Cognito: a table that is missing is found out also on
 * a day on which Cognito does not answer. `null`: they could.
 */
export async function verifyGrants(deps: GrantDeps, { grants }: TakenSeed): Promise<Outcome | null> {
  const store = deps.stores(grants);
  if (store.isVerified(grants)) return null;
  return deps.databases.use(grants.databaseUrlEnv, async (database) => {
    if (database.kind === 'not-configured') return failed('database-not-configured', grants.databaseUrlEnv);
    const failure = await store.verify(database.kind === 'other' ? database.em : deps.ledger.fork(), grants);
    return failure && failed(failure.reason, failure.cause, failure.fix);
  });
}

interface Attempt extends WriteOptions {
  readonly database: Exclude<GrantsDatabase, { kind: 'not-configured' }>;
  readonly seed: TakenSeed;
  readonly sub: Sub;
}

/** `null`: what was known of the table is outdated. Nothing was written. */
async function attempt(
  { ledger, stores }: GrantDeps,
  { database, seed, sub, readAfresh }: Attempt,
): Promise<Outcome | null> {
  const { id, run, tenant, roles, mode, grants } = seed;
  const wanted: WantedGrants = { run, seedId: id, tenant, sub, roles, mode, grants };
  const write = (on: EntityManager) => writeOrRollBack(stores(grants), on, wanted, { readAfresh });
  try {
    return await ledger.fork().transactional(async (tx): Promise<Outcome> => {
      if (!(await moveSeed(tx, id, { kind: 'granted', sub }))) return { kind: 'overtaken' };
      const made = await (database.kind === 'other' ? committed(database.em, write) : write(tx));
      await auditGrants(tx, seed, sub, made);
      return { kind: 'granted', sub, added: made.length };
    }, READ_COMMITTED);
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
    const { ending } = error;
    if (ending.kind === 'outdated') return null;
    return failed(ending.reason, ending.cause, ending.fix);
  }
}

async function writeOrRollBack(store: GrantStore, tx: EntityManager, wanted: WantedGrants, options: WriteOptions) {
  const written = await store.write(tx, wanted, options);
  if (written.kind === 'written') return written.made;
  throw new RolledBack(written);
}

/** In a transaction of its own, which may also fail to begin or to commit. */
async function committed<T>(em: EntityManager, write: (tx: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await em.transactional(write, READ_COMMITTED);
  } catch (cause) {
    if (cause instanceof RolledBack) throw cause;
    throw new RolledBack({ kind: 'failed', reason: classifyDatabaseError(cause), cause });
  }
}

async function auditGrants(tx: EntityManager, { id, run, tenant }: TakenSeed, sub: Sub, made: readonly MadeGrant[]) {
  if (made.length === 0) return;
  await tx.execute(sql`
    insert into rolecall.audit (run, tenant, seed, sub, role, scope, event)
    select ${run}, ${tenant}, ${id}, ${sub}::uuid, role, scope, 'granted'
    from jsonb_to_recordset(${JSON.stringify(made)}::jsonb) as made(role text, scope text)
    on conflict (seed, sub, role, coalesce(scope, '')) do nothing`);
}

/** Takes an ending out of a transaction that must not be committed. */
class RolledBack extends Error {
  override readonly name = 'RolledBack';
  readonly ending: Exclude<GrantsWritten, { kind: 'written' }>;

  constructor(ending: RolledBack['ending']) {
    super(ending.kind);
    this.ending = ending;
  }
}
