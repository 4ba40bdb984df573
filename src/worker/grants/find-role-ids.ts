import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RoleId } from '#shared/contract/ids.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import { quoted, quotedTable } from './table-layout.ts';
import type { MappedGrants } from './table-layouts.ts';
import type { RoleToGrant } from './wanted-rows.ts';

export type RolesFound =
  | { readonly kind: 'found'; find(tenant: string, role: SeedRole): RoleToGrant }
  | { readonly kind: 'unknown'; readonly fix: string };

/** Of a seed: its tenant as the tables name it, and what it is to hold. */
export interface RolesOfSeed {
  readonly tenant: string;
  readonly roles: readonly SeedRole[];
}

/** The ids of some seeds' roles: those of the manifest, or what the tenant's table of roles has under their names. */
export async function findRoleIds(
  tx: EntityManager,
  grants: MappedGrants,
  wanted: readonly RolesOfSeed[],
): Promise<RolesFound> {
  const { roles: place } = grants.table;
  if (place === undefined) return { kind: 'found', find: (_, role) => withId(role, role.id ?? null) };
  const from = quotedTable(place.schema ?? grants.schema, place.table);
  const [id, name] = [quoted(place.id), quoted(place.name)];
  const owner = place.tenant === undefined ? null : quoted(place.tenant);
  const ownerOf = (tenant: string) => (owner === null ? '' : tenant);
  const ids = new Map<string, string>();
  const fixes: string[] = [];
  for (const [tenant, seeds] of Map.groupBy(wanted, (seed) => ownerOf(seed.tenant))) {
    const names = [...new Set(seeds.flatMap(({ roles }) => roles.map(nameOf)))];
    const isTheirs = owner === null ? sql`` : sql` and ${raw(owner)} = ${tenant}`; // a value of the type of its column
    const rows = await tx.execute<RoleRow[]>(sql`
      select ${raw(name)}::text as name, ${raw(id)}::text as id from ${raw(from)}
      where ${raw(name)}::text in (${names})${isTheirs}`);
    const known = Map.groupBy(rows, (row) => row.name);
    for (const each of names) {
      const found = known.get(each) ?? [];
      const key = { [name]: each, ...(owner !== null && { [owner]: tenant }) };
      const only = found.length === 1 ? (found[0]?.id ?? null) : null;
      if (only === null) fixes.push(remedyFor(found, { from, id, key }));
      else ids.set(keyOf(tenant, each), only);
    }
  }
  if (fixes.length > 0) return { kind: 'unknown', fix: fixes.join(' ') };
  return { kind: 'found', find: (tenant, role) => withId(role, ids.get(keyOf(ownerOf(tenant), nameOf(role))) ?? null) };
}

interface RoleRow {
  readonly name: string;
  readonly id: string | null;
}

interface WantedRow {
  readonly from: string;
  /** The column with the id. */
  readonly id: string;
  /** Column → what it must hold. */
  readonly key: Readonly<Record<string, string>>;
}

/** Pure: what makes it one row with an id. */
function remedyFor(found: readonly RoleRow[], { from, id, key }: WantedRow): string {
  const columns = Object.keys(key);
  const values = Object.values(key).map(literal);
  const joined = (sign: string) => columns.map((column, at) => `${column} ${sign} ${values[at]}`).join(' and ');
  if (found.length === 0) {
    return `insert into ${from} (${columns.join(', ')}) values (${values.join(', ')}); (and what else a role needs)`;
  }
  if (found.length > 1) {
    return `Keep one row of ${from} whose ${joined('is')}: there are ${found.length}. (or leave out grants.table.roles, and give the role its id in the manifest)`;
  }
  return `update ${from} set ${id} = … where ${joined('=')};`;
}

function keyOf(tenant: string, name: string): string {
  return JSON.stringify([tenant, name]);
}

/** The manifest has all ids, or the table has exactly one for each name; that one is taken as it stands there. */
function withId({ key, scope }: SeedRole, id: string | null): RoleToGrant {
  if (id === null) throw new TypeError(`the role ${key} has no id`);
  return { id: id as RoleId, scope: scope ?? null };
}

function nameOf({ name, key }: SeedRole): string {
  return name ?? key; // where names are looked up, the producer records them
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
