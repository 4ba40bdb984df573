import { createHash } from 'node:crypto';
import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RoleId, Scope, SeedId } from '#shared/contract/ids.ts';
import { lockGrants } from './lock-grants.ts';
import type { GrantsWritten, MadeGrant, WantedGrants } from './grant-store.ts';
import type { Column, TableLayout } from './table-layout.ts';

export interface RoleToGrant {
  readonly id: RoleId;
  readonly scope: Scope | null;
}

export type GrantsToWrite = Pick<WantedGrants, 'run' | 'seedId' | 'sub' | 'mode'> & {
  /** As the table is to hold it, if it has a column for it. */
  readonly tenant: string;
  readonly roles: readonly RoleToGrant[];
};

/**
 * Makes the grants of some seeds, no two of one holder, and looks whether they are held afterwards: a trigger or a stricter
 * index may swallow a row without a word. Throws what PostgreSQL throws.
 *
 * The id of a new row is derived from the seed: whoever comes back after a crash can tell the grants this seed made from
 * those that somebody else made, and the audit trail misses none. A table that generates its ids itself has no such mark:
 * there, if it is in another database than the ledger, a crash between the two commits costs the audit line.
 */
export async function writeGrants(
  tx: EntityManager,
  layout: TableLayout,
  wanted: readonly GrantsToWrite[],
): Promise<GrantsWritten> {
  await lockGrants(tx, layout, wanted);
  const rows = wanted.flatMap(rowsOf);
  const made: MadeGrant[] = [];
  for (const scoped of [false, true]) {
    const group = rows.filter(({ scope }) => (scope !== null) === scoped);
    if (group.length === 0) continue;
    const written = await writeGroup(tx, layout, group, scoped);
    if (written === null) return NOT_HELD;
    made.push(...written);
  }
  return { kind: 'written', made };
}

const NOT_HELD = { kind: 'failed', reason: 'grants-refused', cause: 'the grant is not held afterwards' } as const;

/** Grants that are all within a scope, or all without: unique indexes tell the two apart. `null`: one is not held. */
async function writeGroup(
  tx: EntityManager,
  layout: TableLayout,
  group: readonly GrantRow[],
  scoped: boolean,
): Promise<MadeGrant[] | null> {
  const { table, role, scope, id } = layout;
  // The limit says how many there are: PostgreSQL would guess 100, and rather read a whole table than look so often.
  const rows = sql`(
      select * from jsonb_to_recordset(${JSON.stringify(group)}::jsonb)
      as wanted(seed bigint, "user" text, tenant text, role text, scope text, id text, "anyRole" boolean)
      limit ${group.length}
    ) wanted`;
  const held = heldAlready(layout, scoped);
  const target = scoped ? layout.arbiters.scoped : layout.arbiters.unscoped;
  const added = await tx.execute<FoundGrant[]>(sql`
    with added as (
      insert into ${raw(table)} as held (${raw(columnsOf(layout).join(', '))})
      select ${valuesOf(layout)} from ${rows}
      where not ${held}
      order by wanted."user", wanted.tenant, wanted.role, wanted.scope
      on conflict ${raw(target ?? '')} do nothing
      returning ${raw(
        keyColumnsOf(layout)
          .map((name) => `held.${name}`)
          .join(', '),
      )}
    )
    select wanted.seed, held.${raw(role.name)}::text as role, ${scope === null ? sql`null` : sql`held.${raw(scope.name)}::text`} as scope
    from added held join (select distinct wanted.seed, wanted."user", wanted.tenant from ${rows}) wanted
      on ${isHolder(layout)}`);
  if (added.length === group.length) return added.map(toMadeGrant);

  const mine =
    id === null
      ? sql`false`
      : sql`exists (select from ${raw(table)} own where own.${raw(id.name)} = ${cast('id', id)})`;
  const found = await tx.execute<(FoundGrant & { held: boolean; mine: boolean })[]>(
    sql`select wanted.seed, wanted.role, wanted.scope, ${held} as held, ${mine} as mine from ${rows}`,
  );
  if (found.some((grant) => !grant.held)) return null;
  return (id === null ? added : found.filter((grant) => grant.mine)).map(toMadeGrant);
}

type FoundGrant = Omit<MadeGrant, 'seedId'> & { readonly seed: string };

function toMadeGrant({ seed, role, scope }: FoundGrant): MadeGrant {
  return { seedId: Number(seed) as SeedId, role, scope }; // what was sent comes back
}

/** `anyRole`: any within the scope will do, since somebody has decided already what the user may. */
function heldAlready(layout: TableLayout, scoped: boolean) {
  const { table, role, scope } = layout;
  const conditions = [
    isHolder(layout),
    ...(scope
      ? [scoped ? sql`held.${raw(scope.name)} = ${cast('scope', scope)}` : sql`held.${raw(scope.name)} is null`]
      : []),
    sql`(wanted."anyRole" or held.${raw(role.name)} = ${cast('role', role)})`,
  ];
  const all = conditions.reduce((left, right) => sql`${left} and ${right}`);
  return sql`exists (select from ${raw(table)} held where ${all})`;
}

/** The row is of the same user and tenant. */
function isHolder({ user, tenant }: TableLayout) {
  const sameUser = sql`held.${raw(user.name)} = ${cast('user', user)}`;
  return tenant ? sql`${sameUser} and held.${raw(tenant.name)} = ${cast('tenant', tenant)}` : sameUser;
}

function keyColumnsOf({ user, role, tenant, scope }: TableLayout): string[] {
  return [user, role, tenant, scope].flatMap((column) => column?.name ?? []);
}

function columnsOf(layout: TableLayout): string[] {
  return [...keyColumnsOf(layout), ...[layout.id, ...layout.constants].flatMap((column) => column?.name ?? [])];
}

/** In the order of the columns. */
function valuesOf({ user, role, tenant, scope, id, constants }: TableLayout) {
  const values = [
    cast('user', user),
    cast('role', role),
    ...(tenant ? [cast('tenant', tenant)] : []),
    ...(scope ? [cast('scope', scope)] : []),
    ...(id ? [cast('id', id)] : []),
    ...constants.map(({ type, value }) => sql`${value}::${raw(type)}`),
  ];
  return values.reduce((left, right) => sql`${left}, ${right}`);
}

function cast(key: 'user' | 'tenant' | 'role' | 'scope' | 'id', { type }: Column) {
  return sql`wanted.${raw(`"${key}"`)}::${raw(type)}`;
}

type GrantRow = ReturnType<typeof rowsOf>[number];

/** One for each grant of a seed. */
export function rowsOf(seed: GrantsToWrite) {
  const { seedId, sub, tenant, mode, roles } = seed;
  const common = { seed: seedId, user: sub, tenant, anyRole: mode === 'bootstrap' };
  return roles.map((role) => ({ ...common, id: grantId(seed, role), role: role.id, scope: role.scope }));
}

/** A version 8 UUID (RFC 9562: custom) over run, seed, role and scope. */
function grantId({ run, seedId }: GrantsToWrite, { id, scope }: RoleToGrant): string {
  const source = [run, seedId, id, ...(scope === null ? [] : [scope])].join(':');
  const hex = createHash('sha256').update(source).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
