import type { EntityManager } from '@mikro-orm/postgresql';
import { Gauge, type Registry } from 'prom-client';
import { SEED_STATES, UNSETTLED_STATES } from '#shared/contract/seed-state.ts';
import { isNotMigrated } from '#shared/ledger/applied-migrations.ts';
import { countSeeds, findRuns, type Run } from './gate/gate-counts.ts';
import { evaluateGate, type Gate, type RunCounts } from './gate/gate.ts';
import { inTime } from './gate/in-time.ts';

const GATE_STATES = ['open', 'pending', 'blocked', 'unknown'] as const satisfies Gate['state'][];

/**
 * Gauges of the current runs, read from the ledger at every scrape. No label grows with the number of seeds, and a tenant
 * appears only while it is blocked.
 */
export function addOpsMetrics(registry: Registry, em: () => EntityManager): void {
  let reading: Promise<void> | undefined;
  /** All gauges of one scrape share one reading; the next scrape reads again. */
  const collect = () => (reading ??= read().finally(() => (reading = undefined)));
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry], collect });

  const ledgerUp = gauge('rolecall_ledger_up', '1 when the ledger answered this scrape.');
  const seeds = gauge('rolecall_seeds', 'Seeds of the current run, by state.', ['name', 'state']);
  const blocked = gauge('rolecall_blocked_seeds', 'Seeds that close the gate.', ['name', 'tenant', 'reason']);
  const state = gauge('rolecall_gate_state', '1 for the state of the gate, 0 for the others.', ['name', 'state']);
  const open = gauge('rolecall_gate_open', '1 when the current release may serve.', ['name']);
  const degraded = gauge('rolecall_gate_degraded', '1 when open while seeds are still tried again.', ['name']);
  const oldest = gauge(
    'rolecall_oldest_unsettled_age_seconds',
    'Since when the current run has seeds that are not settled; 0 when all are.',
    ['name'],
  );

  async function read(): Promise<void> {
    for (const each of [ledgerUp, seeds, blocked, state, open, degraded, oldest]) each.reset();
    try {
      for (const [run, counts] of await inTime(readRuns(em()))) show(run, counts);
      ledgerUp.set(1);
    } catch (error) {
      ledgerUp.set(isNotMigrated(error) ? 1 : 0); // the process's own metrics are wanted most while the ledger is away
    }
  }

  function show({ name, ageS }: Run, counts: RunCounts): void {
    const gate = evaluateGate(counts);
    for (const each of SEED_STATES) seeds.set({ name, state: each }, gate.counts[each]);
    for (const each of GATE_STATES) state.set({ name, state: each }, Number(gate.state === each));
    for (const { tenant, reason, count } of gate.reasons) blocked.set({ name, tenant, reason }, count);
    open.set({ name }, Number(gate.open));
    degraded.set({ name }, Number(gate.degraded));
    oldest.set({ name }, UNSETTLED_STATES.some((each) => gate.counts[each] > 0) ? ageS : 0);
  }
}

async function readRuns(em: EntityManager): Promise<[Run, RunCounts][]> {
  const runs = await findRuns(em, {});
  return Promise.all(runs.map(async (run): Promise<[Run, RunCounts]> => [run, await countSeeds(em.fork(), run)]));
}
