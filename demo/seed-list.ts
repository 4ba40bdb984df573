import type { Ledger } from '#shared/ledger/ledger.ts';
import type { RunId } from '#shared/contract/ids.ts';
import { listSeeds } from '../src/ops/list-seeds.ts';

/** The table tenant / email / roles / state. The people of the demo are made up, so their emails may be shown. */
export async function seedList(ledger: Ledger, run: RunId): Promise<string[]> {
  const rows = [['TENANT', 'EMAIL', 'ROLES', 'STATE']];
  const everyone = { run, tenant: undefined, state: undefined };
  for await (const page of listSeeds(() => ledger.em.fork(), everyone, true)) {
    for (const { tenant, who, roles, state, reason } of page) {
      rows.push([tenant, who, roles.join(), reason === null ? state : `${state} (${reason})`]);
    }
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
