import { isReason, REASONS } from '#shared/contract/reasons.ts';
import { SEED_STATES } from '#shared/contract/seed-state.ts';
import { shellQuoted } from '#shared/runtime/shell-quoted.ts';
import type { ClosingReason, Gate } from './gate.ts';

/** Pure: the gate in lines for people. What is blocked comes with what to do about it. */
export function describeGate(gate: Gate): string[] {
  const { state, degraded, name, release, run, problem } = gate;
  const of = [name, release && `release ${release}`, run && `run ${run}`].filter(Boolean).join(', ');
  const head = `gate: ${state}${degraded ? ' (degraded: some seeds are still tried again)' : ''}`;
  return [
    of === '' ? head : `${head} · ${of}`,
    ...(problem === undefined ? [] : [`  ${problem}`]),
    ...(run === null ? [] : [`  ${countsLine(gate)}`]),
    ...(degraded ? listTriedAgain(gate) : []),
    ...gate.reasons.flatMap(describeReason),
  ];
}

/** `granted 40 · skipped 1`: states without seeds are left out. */
export function countsLine({ counts }: Pick<Gate, 'counts'>): string {
  const present = SEED_STATES.filter((state) => counts[state] > 0).map((state) => `${state} ${counts[state]}`);
  return present.length === 0 ? 'no seeds' : present.join(' · ');
}

/** The counts alone do not say whose grant a release lacks that may serve. A release id may hold what a shell acts on. */
function listTriedAgain({ counts, name, release }: Gate): string[] {
  const states = (['retrying', 'waiting'] as const).filter((state) => counts[state] > 0);
  const run = `--name ${name} --release ${shellQuoted(release ?? '')}`; // an open gate is that of a run
  return states.map((state) => `  who, and why: rolecall status ${run} --state ${state}`);
}

/** What a closing reason means, and what to do; also for a code that only a newer version knows. */
export function adviceOf(reason: ClosingReason['reason']): { readonly meaning: string; readonly todo: string } {
  if (reason === 'superseded') return SUPERSEDED;
  return isReason(reason) ? REASONS[reason] : UNHEARD_OF;
}

const SUPERSEDED = {
  meaning: 'A newer run took over before these seeds were settled, so they never will be.',
  todo: 'Ask for the gate of the newer release, or produce this release again.',
};
const UNHEARD_OF = {
  meaning: 'A reason that this version does not know.',
  todo: 'Ask the version that wrote it: rolecall status.',
};

function describeReason({ tenant, reason, count, fix }: ClosingReason): string[] {
  const { meaning, todo } = adviceOf(reason);
  return [
    `  ${tenant}: ${count} × ${reason}`,
    `    ${meaning}`,
    `    ${todo}`,
    ...(fix?.split('\n') ?? []).map((line) => `    ${line}`),
  ];
}
