import type { EntityManager } from '@mikro-orm/postgresql';
import type { ManifestName } from '#shared/contract/ids.ts';
import { isNotMigrated } from '#shared/ledger/applied-migrations.ts';
import { describeSilence } from '#shared/runtime/wait-until-reachable.ts';
import { countSeeds, describeNone, findRuns, type GateQuery } from './gate-counts.ts';
import { evaluateGate, unknownGate, type Gate } from './gate.ts';
import { inTime } from './in-time.ts';
import { nameRemedies } from './name-remedies.ts';

export type GateAnswer =
  | { readonly kind: 'known'; readonly gate: Gate }
  /** Several manifests fit the question: it has to name one. */
  | { readonly kind: 'ambiguous'; readonly names: readonly ManifestName[] }
  /** The ledger did not answer, which closes the gate. */
  | { readonly kind: 'unreachable'; readonly gate: Gate };

/** Asks the ledger and keeps nothing: every replica that is asked answers alike. Never rejects, and never hangs. */
export async function askGate(em: EntityManager, query: GateQuery): Promise<GateAnswer> {
  try {
    return await inTime(ask(em, query));
  } catch (error) {
    if (isNotMigrated(error)) {
      return { kind: 'known', gate: unknownGate('nothing was ever produced into this ledger', query.release) };
    }
    return { kind: 'unreachable', gate: unknownGate(describeSilence(error), query.release) };
  }
}

async function ask(em: EntityManager, query: GateQuery): Promise<GateAnswer> {
  const [run, ...others] = await findRuns(em, query);
  if (run === undefined) return { kind: 'known', gate: unknownGate(describeNone(query), query.release) };
  if (others.length > 0) return { kind: 'ambiguous', names: [run, ...others].map(({ name }) => name) };
  const gate = await nameRemedies(em, evaluateGate(await countSeeds(em, run, query.tenant)));
  const missing = gate.state === 'unknown' && query.tenant !== undefined;
  return { kind: 'known', gate: missing ? { ...gate, problem: `no seeds of the tenant ${query.tenant}` } : gate };
}
