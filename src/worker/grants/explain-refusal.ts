import type { Reason } from '#shared/contract/reasons.ts';
import type { GrantsFailed, WantedGrants } from './grant-store.ts';
import { quoted, quotedTable } from './table-layout.ts';
import type { MappedGrants } from './table-layouts.ts';

interface Refused {
  readonly grants: MappedGrants;
  readonly wanted: readonly WantedGrants[];
}

/** Pure: what would let the row into the tenant's own table, as far as PostgreSQL says what keeps it out. */
export function explainRefusal(reason: Reason, cause: unknown, { grants, wanted }: Refused): GrantsFailed {
  // The catalog grants every right by now, so one that is missing is about the row.
  if (reason === 'grants-not-writable') {
    return { kind: 'failed', reason: 'grants-refused', cause, fix: letRowIn(grants) };
  }
  const constraint = constraintOf(cause);
  if (constraint === null) return { kind: 'failed', reason, cause };
  if (reason === 'role-unknown') return { kind: 'failed', reason, cause, fix: addRole(constraint, wanted) };
  if (reason === 'grants-refused') return { kind: 'failed', reason, cause, fix: satisfy(constraint) };
  return { kind: 'failed', reason, cause };
}

interface Constraint {
  /** Quoted, with its table. */
  readonly name: string;
  readonly sqlState: string;
}

/**
 * PostgreSQL names the constraint of a table together with the table. A name that comes alone is what a trigger chose to
 * raise, which may be about a person; so is every message.
 */
function constraintOf(cause: unknown): Constraint | null {
  const { schema, table, constraint, code } = cause as Readonly<Record<string, unknown>>; // fields of PostgreSQL's message
  if (typeof schema !== 'string' || typeof table !== 'string' || typeof constraint !== 'string') return null;
  return { name: `${quoted(constraint)} of ${quotedTable(schema, table)}`, sqlState: String(code) };
}

function letRowIn({ schema, table }: MappedGrants): string {
  return `Row-level security of ${quotedTable(schema, table.name)}, or what a trigger of it needs, refuses the row: let the workers' user insert it.`;
}

function addRole({ name }: Constraint, wanted: readonly WantedGrants[]): string {
  const keys = new Set(wanted.flatMap(({ roles }) => roles.map(({ key }) => key)));
  return `The foreign key ${name} knows no such role: add it, or correct its id in the manifest (roles: ${[...keys].join(', ')}).`;
}

function satisfy({ name, sqlState }: Constraint): string {
  return `The constraint ${name} refuses the row (${sqlState}): give it what it asks for, or change it.`;
}
