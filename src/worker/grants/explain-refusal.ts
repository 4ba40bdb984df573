import type { Reason } from '#shared/contract/reasons.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import type { GrantsFailed, WantedGrants } from './grant-store.ts';
import { quoted, quotedTable, type TableLayout } from './table-layout.ts';
import type { MappedGrants } from './table-layouts.ts';

interface Refused {
  readonly grants: MappedGrants;
  /** `null`: it was not read yet. */
  readonly layout: TableLayout | null;
  readonly wanted: readonly WantedGrants[];
}

const TOO_LONG = '22001';
/** What a column cannot hold (PostgreSQL: Appendix A): not of its type, out of range, no date, or too long. */
const MISFITS: ReadonlySet<unknown> = new Set(['22P02', '22003', '22007', '22008', TOO_LONG]);

/** Pure: what would let the row into the tenant's own table, as far as PostgreSQL says what keeps it out. */
export function explainRefusal(reason: Reason, cause: unknown, { grants, layout, wanted }: Refused): GrantsFailed {
  // By now the catalog has every table, column and right, so what is missing is about the row.
  if (reason === 'grants-not-writable') {
    return { kind: 'failed', reason: 'grants-refused', cause, fix: letRowIn(grants) };
  }
  if (layout !== null && reason === 'grants-table-missing') {
    return { kind: 'failed', reason: 'grants-refused', cause, fix: giveTrigger(grants, cause) };
  }
  const { code } = cause as { readonly code?: unknown };
  if (layout !== null && MISFITS.has(code)) {
    return { kind: 'failed', reason, cause, fix: makeValueFit(grants, layout, code === TOO_LONG) };
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

/** Its message names what is missing, which may be made of what the row holds. */
function giveTrigger({ schema, table }: MappedGrants, cause: unknown): string {
  return `A trigger, a rule or a view of ${quotedTable(schema, table.name)} needs what does not exist (${codeOf(cause)}): create it, or change what needs it.`;
}

/** PostgreSQL does not say which column it is, and its message quotes the value, which may be about a person. */
function makeValueFit({ table: { roles } }: MappedGrants, layout: TableLayout, isTooLong: boolean): string {
  const { table, user, id, role, scope, tenant, constants, isPlain } = layout;
  const generated = isTooLong ? [user, id] : []; // UUIDs, in columns of UUIDs or texts: all that is wrong may be the length
  const columns = [...generated, role, scope, tenant, ...constants].filter((column) => column !== null);
  const types = columns.map(({ name, type }) => `${name} is of type ${type}`).join(', ');
  const where = `its column in ${table}${isPlain ? '' : ', or in what a trigger of it writes'}`;
  const mend = isTooLong ? 'Widen the column, or correct' : roles ? 'Correct' : 'Map grants.table.roles, or correct';
  const ids = roles ? 'grants.table.roles.id' : 'the ids';
  return `A value does not fit ${where}: ${types}. ${mend} ${ids}, scopes, constants or tenantValue in the manifest.`;
}

function addRole({ name }: Constraint, wanted: readonly WantedGrants[]): string {
  const keys = new Set(wanted.flatMap(({ roles }) => roles.map(({ key }) => key)));
  return `The foreign key ${name} knows no such role: add it, or correct its id in the manifest (roles: ${[...keys].join(', ')}).`;
}

function satisfy({ name, sqlState }: Constraint): string {
  return `The constraint ${name} refuses the row (${sqlState}): give it what it asks for, or change it.`;
}
