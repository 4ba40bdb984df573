import type { Sub } from '#shared/contract/ids.ts';
import { isTenantFault, type Reason } from '#shared/contract/reasons.ts';
import type { Lookup } from './cognito/user-directory.ts';
import { judgeLookup } from './judge-lookup.ts';
import { failed, type Outcome } from './outcome.ts';
import type { Entry, HeldBack } from './pacing/bulkhead.ts';
import type { DatabaseVisit } from './pacing/database-guard.ts';
import type { Later } from './pacing/slots.ts';
import type { Resolution } from './resolve-seed.ts';
import type { TakenSeed } from './take-seed.ts';
import type { TenantFault } from './tenant-fault.ts';

export interface ProvisionDeps {
  /** Whether the database of the seed's grants may be asked. */
  enterDatabase(seed: TakenSeed): Entry<DatabaseVisit>;
  /** What becomes of a seed that may not. */
  holdBack(seed: TakenSeed, entry: HeldBack): Promise<Later | Extract<Lookup, { kind: 'failed' }>>;
  /** Who the seed's email is, as soon as it may be asked. */
  resolve(seed: TakenSeed, signal: AbortSignal): Promise<Resolution>;
  /** `null`: grants can be written. */
  verify(seed: TakenSeed): Promise<Outcome | null>;
  grant(seed: TakenSeed, sub: Sub): Promise<Outcome>;
  readonly tenantFaults: {
    record(seed: TakenSeed, fault: TenantFault): Promise<void>;
    clear(seed: TakenSeed): Promise<void>;
  };
}

/** Resolve first, write second: nothing is granted to somebody Cognito does not know. */
export async function provisionSeed(deps: ProvisionDeps, seed: TakenSeed, signal: AbortSignal): Promise<Outcome> {
  if (seed.sharedFault !== null) return { kind: 'blocked', reason: seed.sharedFault };

  const entry = deps.enterDatabase(seed);
  if (entry.kind !== 'go') {
    const held = await deps.holdBack(seed, entry);
    return held.kind === 'paced' ? held : failed(held.reason, held.cause);
  }
  using database = entry;
  // Mostly there is nothing to ask, so that nothing is learned from there being no fault.
  const unfit = await database.watch(
    () => deps.verify(seed),
    (found) => (found === null ? 'unknown' : failureOf(found)),
  );
  const outcome = unfit ?? (await resolveAndGrant(deps, database, seed, signal));

  if (outcome.kind === 'blocked' && isTenantFault(outcome.reason)) {
    await deps.tenantFaults.record(seed, { reason: outcome.reason, fix: outcome.fix }).catch(leaveToOthers);
  } else if (seed.tenantHasFault && gotThrough(outcome)) {
    await deps.tenantFaults.clear(seed).catch(leaveToOthers);
  }
  return outcome;
}

/** This seed's verdict stands; what it says of the tenant, the next seed that gets the same answer says again. */
function leaveToOthers(): void {}

async function resolveAndGrant(
  { resolve, grant }: ProvisionDeps,
  database: DatabaseVisit,
  seed: TakenSeed,
  signal: AbortSignal,
): Promise<Outcome> {
  const resolution = await resolve(seed, signal);
  if (resolution.kind === 'paced') return resolution;
  const verdict = judgeLookup(resolution, seed);
  if (verdict.kind !== 'entitled') return verdict;
  return database.watch(() => grant(seed, verdict.sub), failureOf);
}

/** A newer run that took over says nothing of the database. */
function failureOf(outcome: Outcome): Reason | null | 'unknown' {
  if (outcome.kind === 'overtaken') return 'unknown';
  return 'reason' in outcome ? outcome.reason : null;
}

/** The tenant was asked and gave an answer, be it one that this seed does not like. */
function gotThrough({ kind }: Outcome): boolean {
  return kind === 'granted' || kind === 'skipped' || kind === 'waiting' || kind === 'blocked';
}
