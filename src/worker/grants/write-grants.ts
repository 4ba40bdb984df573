import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import type { SeedId } from '#shared/contract/ids.ts';
import { lockGrants } from './lock-grants.ts';
import type { GrantsFailed, GrantsWritten, MadeGrant } from './grant-store.ts';
import type { TableLayout } from './table-layout.ts';
import { asTable, cast, isGrant, rowsOf, type GrantRow, type GrantsToWrite } from './wanted-rows.ts';

/**
 * Makes the grants of some seeds, no two of one holder, and looks whether they are held afterwards: a trigger may swallow a
 * row, or change it, without a word. Throws what PostgreSQL throws.
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
  const rows = wanted.flatMap(rowsOf);
  await lockGrants(tx, layout, rows);
  const made: MadeGrant[] = [];
  const doubtful: GrantRow[] = [];
  for (const [scoped, group] of byScope(rows)) {
    const written = await writeGroup(tx, layout, group, scoped);
    made.push(...written.made);
    doubtful.push(...written.doubtful);
  }
  if (layout.isDeferred) await tx.execute(sql`set constraints all immediate`); // a commit could not tell whose fault it is
  // Last: what one row sets off may take away another, also one that was held before.
  return (await areHeld(tx, layout, doubtful)) ? { kind: 'written', made } : notHeld(layout);
}

/** Grants within a scope, and those without: unique indexes tell the two apart. */
function byScope(rows: readonly GrantRow[]): [scoped: boolean, group: GrantRow[]][] {
  return [...Map.groupBy(rows, ({ scope }) => scope !== null)].toSorted(
    ([left], [right]) => Number(left) - Number(right),
  );
}

async function areHeld(tx: EntityManager, layout: TableLayout, rows: readonly GrantRow[]): Promise<boolean> {
  for (const [scoped, group] of byScope(rows)) {
    const [{ missing } = { missing: true }] = await tx.execute<{ missing: boolean }[]>(sql`
      select exists (
        select from ${asTable(group)} wanted
        where not exists (select from ${raw(layout.table)} held where ${isGrant(layout, scoped)})
      ) as missing`);
    if (missing) return false;
  }
  return true;
}

function notHeld({ table }: TableLayout): GrantsFailed {
  const fix = `A trigger or a rule of ${table} keeps the row out, or makes another one of it: let it in as it is.`;
  return { kind: 'failed', reason: 'grants-refused', cause: 'the grant is not held afterwards', fix };
}

interface GroupWritten {
  readonly made: MadeGrant[];
  /** Perhaps not held, though they should be by now. */
  readonly doubtful: GrantRow[];
}

async function writeGroup(
  tx: EntityManager,
  layout: TableLayout,
  group: readonly GrantRow[],
  scoped: boolean,
): Promise<GroupWritten> {
  const { table, role, scope, id } = layout;
  const target = scoped ? layout.arbiters.scoped : layout.arbiters.unscoped;
  const isThis = isGrant(layout, scoped);
  const isThisOrAny = isGrant(layout, scoped, { orAnyRole: true });
  const mine =
    id === null ? sql`false` : sql`exists (select from ${raw(table)} held where ${isThis} and ${hasId(layout)})`;
  const keys = raw(keyColumnsOf(layout).join(', '));
  const rows = await tx.execute<WrittenRow[]>(sql`
    with wanted as materialized (
      select *, not exists (select from ${raw(table)} held where ${isThisOrAny}) as lacking from ${asTable(group)} wanted
    ), added as (
      insert into ${raw(table)} (${raw(columnsOf(layout).join(', '))})
      select distinct on (${keyValuesOf(layout)}) ${valuesOf(layout)} from wanted where lacking
      order by ${keyValuesOf(layout)}
      ${target === null ? sql`` : sql`on conflict ${raw(target)} do nothing`}
      returning ${keys}
    )
    select wanted.at, wanted.seed, ${cast('role', role)}::text as role,
           ${scope === null ? sql`null` : sql`${cast('scope', scope)}::text`} as scope, wanted.lacking,
           held.${raw(role.name)} is not null as added, not wanted.lacking and ${mine} as mine
    from wanted left join (select * from added) held on ${isThis}`);
  const isInDoubt = ({ at, lacking, added }: WrittenRow) =>
    layout.isPlain ? lacking && !added : lacking || group[at]?.anyRole === false;
  return {
    made: rows.filter(({ added, mine: isMine }) => added || isMine).map(toMadeGrant),
    doubtful: rows.filter(isInDoubt).flatMap(({ at }) => group[at] ?? []),
  };
}

interface WrittenRow extends Omit<MadeGrant, 'seedId'> {
  readonly at: number;
  readonly seed: string;
  /** It was missing when this began; for a bootstrap, any role was. */
  readonly lacking: boolean;
  readonly added: boolean;
  /** An attempt before this one made it. */
  readonly mine: boolean;
}

function toMadeGrant({ seed, role, scope }: WrittenRow): MadeGrant {
  return { seedId: Number(seed) as SeedId, role, scope }; // what was sent comes back
}

function keyColumnsOf({ user, role, tenant, scope }: TableLayout): string[] {
  return [user, role, tenant, scope].flatMap((column) => column?.name ?? []);
}

function columnsOf(layout: TableLayout): string[] {
  return [...keyColumnsOf(layout), ...[layout.id, ...layout.constants].flatMap((column) => column?.name ?? [])];
}

/** In the order of the columns, which is the order in which everybody inserts. */
function keyValuesOf({ user, role, tenant, scope }: TableLayout) {
  const values = [
    cast('user', user),
    cast('role', role),
    ...(tenant ? [cast('tenant', tenant)] : []),
    ...(scope ? [cast('scope', scope)] : []),
  ];
  return values.reduce((left, right) => sql`${left}, ${right}`);
}

function valuesOf(layout: TableLayout) {
  const values = [
    keyValuesOf(layout),
    ...(layout.id ? [idOf(layout)] : []),
    ...layout.constants.map(({ type, value }) => sql`${value}::${raw(type)}`),
  ];
  return values.reduce((left, right) => sql`${left}, ${right}`);
}

function hasId({ id }: TableLayout) {
  return id === null ? sql`false` : sql`held.${raw(id.name)} = ${cast('id', id)}`;
}

/**
 * The derived id may be taken by another grant, where that row was changed since or the ledger counts anew after a restore.
 * Without an index it may be there twice, and nobody looks.
 */
function idOf(layout: TableLayout) {
  const { table, id } = layout;
  if (id === null) return sql`null`;
  if (!layout.idIsUnique) return cast('id', id);
  return sql`case when exists (select from ${raw(table)} held where ${hasId(layout)})
      then gen_random_uuid()::text::${raw(id.type)} else ${cast('id', id)} end`;
}
