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
    const rows = await tx.execute<{ name: string; id: string | null }[]>(sql`
      select ${raw(name)}::text as name, ${raw(id)}::text as id from ${raw(from)}
      where ${raw(name)}::text in (${names})${isTheirs}`);
    const known = Map.groupBy(rows, (row) => row.name);
    for (const each of names) {
      const key = [[name, literal(each)] as const, ...(owner === null ? [] : [[owner, literal(tenant)] as const])];
      const [found, another] = known.get(each) ?? [];
      if (found === undefined) {
        const [columns, values] = [key.map(([column]) => column).join(', '), key.map(([, value]) => value).join(', ')];
        fixes.push(`insert into ${from} (${columns}) values (${values}); (and what else a role needs)`);
      } else if (another !== undefined) {
        const which = key.map(([column, value]) => `${column} is ${value}`).join(' and ');
        fixes.push(
          `Keep one row of ${from} whose ${which}: there are ${known.get(each)?.length}. (or leave out grants.table.roles, and give the role its id in the manifest)`,
        );
      } else if (found.id === null) {
        const which = key.map(([column, value]) => `${column} = ${value}`).join(' and ');
        fixes.push(`update ${from} set ${id} = … where ${which};`);
      } else ids.set(keyOf(tenant, each), found.id);
    }
  }
  if (fixes.length > 0) return { kind: 'unknown', fix: fixes.join(' ') };
  return { kind: 'found', find: (tenant, role) => withId(role, ids.get(keyOf(ownerOf(tenant), nameOf(role))) ?? null) };
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
