import { createHash } from 'node:crypto';
import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RoleId, Scope } from '#shared/contract/ids.ts';
import { lockGrants } from './lock-grants.ts';
import type { GrantsWritten, MadeGrant, WantedGrants } from './grant-store.ts';
import type { Column, TableLayout } from './table-layout.ts';

export interface RoleToGrant {
  readonly id: RoleId;
  readonly scope: Scope | null;
}

export type GrantsToWrite = Pick<WantedGrants, 'run' | 'seedId' | 'tenant' | 'sub' | 'mode'> & {
  readonly roles: readonly RoleToGrant[];
};

/**
 * Makes the grants of one seed, and looks whether they are held afterwards: a trigger or a stricter index may swallow a
 * row without a word. Throws what PostgreSQL throws.
 *
 * The id of a new row is derived from the seed: whoever comes back after a crash can tell the grants this seed made from
 * those that somebody else made, and the audit trail misses none. A table that generates its ids itself has no such mark:
 * there, if it is in another database than the ledger, a crash between the two commits costs the audit line.
 */
export async function writeGrants(
  tx: EntityManager,
  layout: TableLayout,
  wanted: GrantsToWrite,
): Promise<GrantsWritten> {
  await lockGrants(tx, layout, wanted);
  const made: MadeGrant[] = [];
  for (const scoped of [false, true]) {
    const roles = wanted.roles.filter(({ scope }) => (scope !== null) === scoped);
    if (roles.length === 0) continue;
    const written = await writeGroup(tx, layout, { ...wanted, roles }, scoped);
    if (written === null) return NOT_HELD;
    made.push(...written);
  }
  return { kind: 'written', made };
}

const NOT_HELD = { kind: 'failed', reason: 'grants-refused', cause: 'the grant is not held afterwards' } as const;

/** Grants that are all within a scope, or all without: unique indexes tell the two apart. `null`: they are not held. */
async function writeGroup(tx: EntityManager, layout: TableLayout, wanted: GrantsToWrite, scoped: boolean) {
  const { table, role, scope, id } = layout;
  const rows = sql`jsonb_to_recordset(${JSON.stringify(rowsOf(wanted))}::jsonb) as wanted(id text, role text, scope text)`;
  const held = heldAlready(layout, wanted, scoped);
  const target = scoped ? layout.arbiters.scoped : layout.arbiters.unscoped;
  const added = await tx.execute<MadeGrant[]>(sql`
    insert into ${raw(table)} as held (${raw(columnsOf(layout).join(', '))})
    select ${valuesOf(layout, wanted)} from ${rows}
    where not ${held}
    order by wanted.role, wanted.scope
    on conflict ${raw(target ?? '')} do nothing
    returning held.${raw(role.name)}::text as role, ${scope === null ? sql`null` : sql`held.${raw(scope.name)}::text`} as scope`);
  if (added.length === wanted.roles.length) return added;

  const mine =
    id === null
      ? sql`false`
      : sql`exists (select from ${raw(table)} own where own.${raw(id.name)} = ${cast('id', id)})`;
  const found = await tx.execute<(MadeGrant & { held: boolean; mine: boolean })[]>(
    sql`select wanted.role, wanted.scope, ${held} as held, ${mine} as mine from ${rows}`,
  );
  if (found.some((grant) => !grant.held)) return null;
  return id === null
    ? added
    : found.filter((grant) => grant.mine).map(({ role: of, scope: within }) => ({ role: of, scope: within }));
}

/** `bootstrap`: any role within the scope will do, since somebody has decided already what the user may. */
function heldAlready({ table, user, role, scope, tenant }: TableLayout, wanted: GrantsToWrite, scoped: boolean) {
  const conditions = [
    sql`held.${raw(user.name)} = ${wanted.sub}::${raw(user.type)}`,
    ...(tenant ? [sql`held.${raw(tenant.name)} = ${tenant.value ?? wanted.tenant}::${raw(tenant.type)}`] : []),
    ...(scope
      ? [scoped ? sql`held.${raw(scope.name)} = ${cast('scope', scope)}` : sql`held.${raw(scope.name)} is null`]
      : []),
    ...(wanted.mode === 'bootstrap' ? [] : [sql`held.${raw(role.name)} = ${cast('role', role)}`]),
  ];
  const all = conditions.reduce((left, right) => sql`${left} and ${right}`);
  return sql`exists (select from ${raw(table)} held where ${all})`;
}

function columnsOf({ user, role, tenant, scope, id, constants }: TableLayout): string[] {
  return [user, role, tenant, scope, id, ...constants].flatMap((column) => column?.name ?? []);
}

/** In the order of the columns. */
function valuesOf({ user, role, tenant, scope, id, constants }: TableLayout, wanted: GrantsToWrite) {
  const values = [
    sql`${wanted.sub}::${raw(user.type)}`,
    cast('role', role),
    ...(tenant ? [sql`${tenant.value ?? wanted.tenant}::${raw(tenant.type)}`] : []),
    ...(scope ? [cast('scope', scope)] : []),
    ...(id ? [cast('id', id)] : []),
    ...constants.map(({ type, value }) => sql`${value}::${raw(type)}`),
  ];
  return values.reduce((left, right) => sql`${left}, ${right}`);
}

function cast(key: 'id' | 'role' | 'scope', { type }: Column) {
  return sql`wanted.${raw(key)}::${raw(type)}`;
}

function rowsOf(wanted: GrantsToWrite) {
  return wanted.roles.map((role) => ({ id: grantId(wanted, role), role: role.id, scope: role.scope }));
}

/** A version 8 UUID (RFC 9562: custom) over run, seed, role and scope. */
function grantId({ run, seedId }: GrantsToWrite, { id, scope }: RoleToGrant): string {
  const source = [run, seedId, id, ...(scope === null ? [] : [scope])].join(':');
  const hex = createHash('sha256').update(source).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
