import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { Sub } from '#shared/contract/ids.ts';
import { moveSeeds } from '#shared/ledger/move-seed.ts';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { grantAtOnce } from './grant-at-once.ts';
import { classifyDatabaseError, isDatabaseAway } from './grants/database-errors.ts';
import type { GrantsWritten, MadeGrant, WriteOptions } from './grants/grant-store.ts';
import type { GrantStores } from './grants/grant-stores.ts';
import type { GrantsDatabase, GrantsDatabases } from './grants/grants-databases.ts';
import { LOCK_PATIENCE, LONE_LOCK_PATIENCE } from './grants/lock-grants.ts';
import { placeOf } from './grants/grants-place.ts';
import { failed, type Outcome } from './outcome.ts';
import type { TakenSeed } from './take-seed.ts';

export interface GrantDeps {
  readonly ledger: EntityManager;
  readonly execute: RunStatement;
  readonly databases: GrantsDatabases;
  readonly stores: GrantStores;
}

export interface SeedToGrant {
  readonly seed: TakenSeed;
  readonly sub: Sub;
}

type Batch = readonly SeedToGrant[];
type UsableDatabase = Exclude<GrantsDatabase, { kind: 'not-configured' }>;

/**
 * Grants all roles of some seeds of one database, settles them and writes the audit lines. In one transaction where the
 * grants live beside the ledger; elsewhere the grants are committed first and the ledger second, and doing it again is safe.
 * The seeds' rows are locked from the start, so a newer run that supersedes one comes either before its grants, and there
 * are none, or after.
 *
 * Throws where seeds must be granted apart, since one of them is at fault: nothing was written.
 */
export async function grantSeeds(deps: GrantDeps, database: UsableDatabase, batch: Batch): Promise<readonly Outcome[]> {
  const granted = database.kind === 'other' ? null : await grantAtOnce(deps.execute, batch);
  if (granted !== null) return granted;
  const isAlone = batch.length === 1;
  let ending = await attempt(deps, database, batch, { readAfresh: false });
  // Nobody is blocked because of what a table looked like a minute ago.
  if (ending.kind === 'outdated' && isAlone) ending = await attempt(deps, database, batch, { readAfresh: true });
  if (ending.kind === 'granted') return ending.outcomes;
  if (!isAlone && !(ending.kind === 'failed' && isDatabaseAway(ending.cause))) throw new RolledBack(ending);
  const outcome =
    ending.kind === 'outdated' ? failed('database-conflict', null) : failed(ending.reason, ending.cause, ending.fix);
  return batch.map(() => outcome);
}

type Undone = Exclude<GrantsWritten, { kind: 'written' }>;
type Ending = { readonly kind: 'granted'; readonly outcomes: readonly Outcome[] } | Undone;

async function attempt(
  { ledger, stores }: GrantDeps,
  database: UsableDatabase,
  batch: Batch,
  options: WriteOptions,
): Promise<Ending> {
  try {
    // First, and with no lock held: a database that does not let us in must not keep a connection of the ledger waiting.
    await using own = database.kind === 'other' ? await openTransaction(database.em, batch) : null;
    const outcomes = await transaction(ledger.fork(), batch, async (tx) => {
      const moves = batch.map(({ seed, sub }) => ({ id: seed.id, next: { kind: 'granted' as const, sub } }));
      const moved = await moveSeeds(tx, 'granted', moves);
      if (moved.size === 0) return batch.map((): Outcome => ({ kind: 'overtaken' }));
      const toGrant = batch.filter(({ seed }) => moved.has(seed.id));
      const write = (on: EntityManager) => writeOrRollBack(stores, on, toGrant, options);
      const made = await (own === null ? write(tx) : own.commitAfter(write));
      await auditGrants(tx, toGrant, made);
      return batch.map(({ seed, sub }): Outcome => {
        if (!moved.has(seed.id)) return { kind: 'overtaken' };
        return { kind: 'granted', sub, added: made.filter(({ seedId }) => seedId === seed.id).length };
      });
    });
    return { kind: 'granted', outcomes };
  } catch (error) {
    if (error instanceof RolledBack) return error.ending;
    throw error;
  }
}

/** Place by place, in the same order for everybody, so that no two batches wait for each other in a circle. */
async function writeOrRollBack(stores: GrantStores, tx: EntityManager, batch: Batch, options: WriteOptions) {
  // Only from here on: a newer run may hold the seed's row for longer.
  if (batch.length === 1) await tx.execute(sql`select set_config('lock_timeout', ${LONE_LOCK_PATIENCE}, true)`);
  const byPlace = Map.groupBy(batch, ({ seed }) => placeOf(seed.grants));
  const made: MadeGrant[] = [];
  for (const place of [...byPlace.keys()].toSorted()) {
    const wanted = (byPlace.get(place) ?? []).map(({ seed, sub }) => ({ ...seed, seedId: seed.id, sub }));
    const grants = wanted[0]?.grants;
    if (grants === undefined) continue;
    const written = await stores(grants).write(tx, grants, wanted, options);
    if (written.kind !== 'written') throw new RolledBack(written);
    made.push(...written.made);
  }
  return made;
}

/** Begun in the grants' own database; rolled back unless it was committed. What goes wrong there is an ending. */
async function openTransaction(em: EntityManager, batch: Batch) {
  await orEnding(() => em.begin({ isolationLevel: 'read committed' }));
  let isOpen = true;
  return {
    commitAfter: <T>(write: (tx: EntityManager) => Promise<T>): Promise<T> =>
      orEnding(async () => {
        await limitPatience(em, batch);
        const written = await write(em);
        await em.commit();
        isOpen = false;
        return written;
      }),
    async [Symbol.asyncDispose]() {
      if (isOpen) await em.rollback().catch(() => {}); // a connection that is lost has rolled back
    },
  };
}

async function orEnding<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof RolledBack) throw cause;
    throw new RolledBack({ kind: 'failed', reason: classifyDatabaseError(cause), cause });
  }
}

/** READ COMMITTED: what comes after a lock must see what was committed before it, whatever the database's default is. */
function transaction<T>(em: EntityManager, batch: Batch, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return em.transactional(
    async (tx) => {
      await limitPatience(tx, batch);
      return work(tx);
    },
    { isolationLevel: 'read committed' },
  );
}

async function limitPatience(tx: EntityManager, batch: Batch): Promise<void> {
  if (batch.length > 1) await tx.execute(sql`select set_config('lock_timeout', ${LOCK_PATIENCE}, true)`);
}

async function auditGrants(tx: EntityManager, batch: Batch, made: readonly MadeGrant[]): Promise<void> {
  if (made.length === 0) return;
  const seeds = new Map(batch.map(({ seed, sub }) => [seed.id, { run: seed.run, tenant: seed.tenant, sub }]));
  const lines = made.map(({ seedId, role, scope }) => ({ ...seeds.get(seedId), seed: seedId, role, scope }));
  await tx.execute(sql`
    insert into rolecall.audit (run, tenant, seed, sub, role, scope, event)
    select run, tenant, seed, sub, role, scope, 'granted'
    from jsonb_to_recordset(${JSON.stringify(lines)}::jsonb)
      as line(run bigint, tenant text, seed bigint, sub uuid, role text, scope text)
    order by seed, role, scope
    on conflict (seed, sub, role, coalesce(scope, '')) do nothing`);
}

/** Takes an ending out of a transaction that must not be committed, and out of a batch that must be tried apart. */
class RolledBack extends Error {
  override readonly name = 'RolledBack';
  readonly ending: Undone;

  constructor(ending: Undone) {
    super(ending.kind);
    this.ending = ending;
  }
}
