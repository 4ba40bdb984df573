import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RoleId, Sub } from '#shared/contract/ids.ts';
import { moveSeed } from '#shared/ledger/move-seed.ts';
import { ensureGrants } from './grants/grant-store.ts';
import type { GrantsDatabases } from './grants/grants-databases.ts';
import { failed, type Outcome } from './outcome.ts';
import type { TakenSeed } from './take-seed.ts';

export interface GrantDeps {
  readonly ledger: EntityManager;
  readonly databases: GrantsDatabases;
}

/**
 * Grants all roles of a seed, settles it and writes the audit lines. In one transaction where the grants live beside the
 * ledger; elsewhere the grants are committed first and the ledger second, and doing it again is safe. The seed's row is
 * locked from the start, so a newer run that supersedes it comes either before the grants, and there are none, or after.
 */
export async function grantSeed({ ledger, databases }: GrantDeps, seed: TakenSeed, sub: Sub): Promise<Outcome> {
  const { id, run, tenant, roles, grants } = seed;
  const database = await databases.find(grants.databaseUrlEnv);
  if (database.kind === 'not-configured') return failed('database-not-configured', grants.databaseUrlEnv);
  try {
    return await ledger.fork().transactional(async (tx): Promise<Outcome> => {
      if (!(await moveSeed(tx, id, { kind: 'granted', sub }))) return { kind: 'overtaken' };
      const wanted = { run, seedId: id, tenant, schema: grants.schema, sub, roles };
      const written = await ensureGrants(database.kind === 'other' ? database.em : tx, wanted);
      if (written.kind === 'failed') throw new RolledBack(failed(written.reason, written.cause));
      await auditGrants(tx, seed, sub, written.made);
      return { kind: 'granted', sub, added: written.made.length };
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.outcome;
    throw error;
  }
}

async function auditGrants(tx: EntityManager, { id, run, tenant }: TakenSeed, sub: Sub, made: readonly RoleId[]) {
  if (made.length === 0) return;
  await tx.execute(sql`
    insert into rolecall.audit (run, tenant, seed, sub, role, event)
    select ${run}, ${tenant}, ${id}, ${sub}::uuid, role::uuid, 'granted'
    from jsonb_array_elements_text(${JSON.stringify(made)}::jsonb) as role
    on conflict (seed, sub, role) do nothing`);
}

/** Takes an outcome out of a transaction that must not be committed. */
class RolledBack extends Error {
  override readonly name = 'RolledBack';
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}
