import { styleText } from 'node:util';
import { SEED_STATES, type SeedStateKind } from '#shared/contract/seed-state.ts';
import { REASON_CODES } from '#shared/contract/reasons.ts';
import type { ListedSeed, SeedWidths } from './list-seeds.ts';

const STATE_WIDTH = Math.max(...SEED_STATES.map((state) => state.length));
const REASON_WIDTH = Math.max(...REASON_CODES.map((reason) => reason.length));

const COLOUR = {
  granted: 'green',
  skipped: 'gray',
  pending: 'cyan',
  retrying: 'yellow',
  waiting: 'yellow',
  blocked: 'red',
  superseded: 'gray',
} as const satisfies Record<SeedStateKind, string>;

/** Pure: aligned columns whose widths are known before the first row. The state is a word, the colour only repeats it. */
export function seedTable(widths: SeedWidths, coloured: boolean) {
  const tenantWidth = Math.max(widths.tenant, 'TENANT'.length);
  const whoWidth = Math.max(widths.who, 'SEED'.length);
  const rolesWidth = Math.max(widths.roles, 'ROLES'.length);
  const line = (tenant: string, who: string, roles: string, state: string, reason: string, rest: string) =>
    [
      tenant.padEnd(tenantWidth),
      who.padEnd(whoWidth),
      roles.padEnd(rolesWidth),
      state,
      reason.padEnd(REASON_WIDTH),
      rest,
    ]
      .join('  ')
      .trimEnd();
  return {
    head: line('TENANT', 'SEED', 'ROLES', 'STATE'.padEnd(STATE_WIDTH), 'REASON', 'ATTEMPTS  NEXT ATTEMPT'),
    row: ({ tenant, who, roles, state, reason, attempts, nextAttemptAt }: ListedSeed): string => {
      const padded = state.padEnd(STATE_WIDTH);
      const shown = coloured ? styleText(COLOUR[state] ?? 'white', padded, { validateStream: false }) : padded;
      return line(
        tenant,
        who,
        roles.join(),
        shown,
        reason ?? '',
        `${`${attempts}`.padStart(8)}  ${nextAttemptAt ?? ''}`,
      );
    },
  };
}
