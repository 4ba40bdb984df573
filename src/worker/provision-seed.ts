import type { Sub } from '#shared/contract/ids.ts';
import { isTenantFault } from '#shared/contract/reasons.ts';
import { judgeLookup, keepSuspicion } from './judge-lookup.ts';
import type { Outcome } from './outcome.ts';
import type { Resolution } from './resolve-seed.ts';
import type { TakenSeed } from './take-seed.ts';
import type { TenantFault } from './tenant-fault.ts';

export interface ProvisionDeps {
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

  const unfit = await deps.verify(seed);
  const outcome = unfit === null ? await resolveAndGrant(deps, seed, signal) : keepSuspicion(unfit, seed);

  if (outcome.kind === 'blocked' && isTenantFault(outcome.reason)) {
    await deps.tenantFaults.record(seed, { reason: outcome.reason, fix: outcome.fix });
  } else if (seed.tenantHasFault && gotThrough(outcome)) {
    await deps.tenantFaults.clear(seed);
  }
  return outcome;
}

async function resolveAndGrant({ resolve, grant }: ProvisionDeps, seed: TakenSeed, signal: AbortSignal) {
  const resolution = await resolve(seed, signal);
  if (resolution.kind === 'paced') return resolution;
  const verdict = judgeLookup(resolution, seed);
  return verdict.kind === 'entitled' ? grant(seed, verdict.sub) : verdict;
}

/** The tenant was asked and gave an answer, be it one that this seed does not like. */
function gotThrough({ kind }: Outcome): boolean {
  return kind === 'granted' || kind === 'skipped' || kind === 'waiting' || kind === 'blocked';
}
