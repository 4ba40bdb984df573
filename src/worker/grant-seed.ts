import { sql } from '@mikro-orm/postgresql';
import type { Sub } from '#shared/contract/ids.ts';
import { unreachable } from '#shared/runtime/wait-until-reachable.ts';
import { createMicroBatch } from './batching/micro-batch.ts';
import { grantSeeds, type GrantDeps, type SeedToGrant } from './grant-seeds.ts';
import { classifyDatabaseError, isDatabaseAway } from './grants/database-errors.ts';
import { holderOf } from './grants/grants-place.ts';
import { LONE_LOCK_PATIENCE } from './grants/lock-grants.ts';
import { failed, type Outcome } from './outcome.ts';
import type { TakenSeed } from './take-seed.ts';

/** Grants seeds, those of one database together. Each comes to the outcome that it would have come to alone. */
export function createSeedGranter(deps: GrantDeps): (seed: TakenSeed, sub: Sub) => Promise<Outcome> {
  const grant = createMicroBatch<SeedToGrant, Outcome, string>({
    laneOf: ({ seed }) => seed.grants.databaseUrlEnv,
    keysOf: ({ seed, sub }) => [`seed ${seed.id}`, holderOf({ ...seed, sub })],
    run: (batch, databaseUrlEnv) =>
      deps.databases.use(databaseUrlEnv, async (database) =>
        database.kind === 'not-configured'
          ? batch.map(() => notConfigured(databaseUrlEnv, database))
          : (await grantSeeds(deps, database, batch)).map((outcome) => nameRefused(outcome, databaseUrlEnv)),
      ),
    failsAlike: isDatabaseAway,
  });
  return (seed, sub) => grant({ seed, sub });
}

/**
 * Whether the grants of a seed could be written, before anybody asks Cognito: a table that is missing is found out also on
 * a day on which Cognito does not answer. `null`: they could.
 */
export async function verifyGrants(deps: GrantDeps, { grants }: TakenSeed): Promise<Outcome | null> {
  const store = deps.stores(grants);
  if (store.isVerified(grants)) return null;
  const { databaseUrlEnv } = grants;
  return deps.databases.use(databaseUrlEnv, async (database) => {
    if (database.kind === 'not-configured') return notConfigured(databaseUrlEnv, database);
    const em = database.kind === 'other' ? database.em : deps.ledger.fork();
    try {
      const failure = await em.transactional(async (tx) => {
        // Reading what a table looks like waits for whoever has locked it.
        await tx.execute(sql`select set_config('lock_timeout', ${LONE_LOCK_PATIENCE}, true)`);
        return store.verify(tx, grants);
      });
      return failure && failed(failure.reason, failure.cause, failure.fix);
    } catch (cause) {
      return nameRefused(failed(classifyDatabaseError(cause), cause), databaseUrlEnv);
    }
  });
}

function notConfigured(databaseUrlEnv: string, { problem }: { readonly problem: string }): Outcome {
  return failed('database-not-configured', databaseUrlEnv, `${databaseUrlEnv}: ${problem}`);
}

/** By its variable: of a tenant's database nothing else may be shown. */
function nameRefused(outcome: Outcome, databaseUrlEnv: string): Outcome {
  if (outcome.kind !== 'blocked' || outcome.reason !== 'database-refused') return outcome;
  return { ...outcome, fix: unreachable(`PostgreSQL (${databaseUrlEnv})`, outcome.cause).message };
}
