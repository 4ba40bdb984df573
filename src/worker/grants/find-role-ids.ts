import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RoleId } from '#shared/contract/ids.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import { quoted, quotedTable } from './table-layout.ts';
import type { MappedGrants } from './table-layouts.ts';
import type { RoleToGrant } from './wanted-rows.ts';

export type RolesFound =
  | { readonly kind: 'found'; find(role: SeedRole): RoleToGrant }
  | { readonly kind: 'unknown'; readonly fix: string };

/** The ids of some seeds' roles: those of the manifest, or what the tenant's table of roles has under their names. */
export async function findRoleIds(
  tx: EntityManager,
  grants: MappedGrants,
  wanted: readonly SeedRole[],
): Promise<RolesFound> {
  const { roles: place } = grants.table;
  if (place === undefined) return { kind: 'found', find: (role) => withId(role, role.id ?? null) };
  const from = quotedTable(place.schema ?? grants.schema, place.table);
  const [id, name] = [quoted(place.id), quoted(place.name)];
  const names = [...new Set(wanted.map(nameOf))];
  const rows = await tx.execute<{ name: string; id: string | null }[]>(sql`
    select ${raw(name)}::text as name, ${raw(id)}::text as id from ${raw(from)} where ${raw(name)}::text in (${names})`);
  const known = Map.groupBy(rows, (row) => row.name);
  const fixes = names.flatMap((each) => {
    const count = known.get(each)?.length ?? 0;
    if (count === 0) return [`insert into ${from} (${name}) values (${literal(each)}); (and what else a role needs)`];
    if (count > 1) {
      return [
        `Keep one row of ${from} whose ${name} is ${literal(each)}: there are ${count}. (or leave out grants.table.roles, and give the role its id in the manifest)`,
      ];
    }
    return known.get(each)?.[0]?.id == null ? [`update ${from} set ${id} = … where ${name} = ${literal(each)};`] : [];
  });
  if (fixes.length > 0) return { kind: 'unknown', fix: fixes.join(' ') };
  return { kind: 'found', find: (role) => withId(role, known.get(nameOf(role))?.[0]?.id ?? null) };
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
