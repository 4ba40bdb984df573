import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';
import { RoleId } from '#shared/contract/ids.ts';
import type { SeedRole } from '#shared/contract/roles.ts';
import { readCatalog } from './read-catalog.ts';
import { quoted, quotedTable } from './table-layout.ts';
import type { MappedGrants } from './table-layouts.ts';
import type { RoleToGrant } from './write-grants.ts';

export type RolesFound =
  | { readonly kind: 'found'; readonly roles: readonly RoleToGrant[] }
  | {
      readonly kind: 'refused';
      readonly reason: 'role-unknown' | 'grants-table-missing' | 'grants-not-writable';
      readonly fix: string;
    };

/** The ids of a seed's roles: those of the manifest, or what the tenant's table of roles has under their names. */
export async function findRoleIds(
  tx: EntityManager,
  grants: MappedGrants,
  wanted: readonly SeedRole[],
): Promise<RolesFound> {
  const { roles: place } = grants.table;
  if (place === undefined) {
    return {
      kind: 'found',
      roles: wanted.flatMap(({ id, scope = null }) => (id === undefined ? [] : [{ id, scope }])),
    };
  }
  const { schema = grants.schema, table, id, name } = place;
  const problem = await judgeRoleTable(tx, { schema, table, id, name });
  if (problem !== null) return problem;

  const from = quotedTable(schema, table);
  const names = [...new Set(wanted.map((role) => role.name ?? role.key))];
  const rows = await tx.execute<{ name: string; id: string }[]>(sql`
    select ${raw(quoted(name))}::text as name, ${raw(quoted(id))}::text as id from ${raw(from)}
    where ${raw(quoted(name))}::text in (${names})`);
  const known = Map.groupBy(rows, (row) => row.name);
  const fixes = names.flatMap((each) => {
    const count = known.get(each)?.length ?? 0;
    if (count === 0)
      return [`insert into ${from} (${quoted(name)}) values (${literal(each)}); (and what else a role needs)`];
    return count === 1
      ? []
      : [`Keep one row of ${from} whose ${quoted(name)} is ${literal(each)}: there are ${count}.`];
  });
  if (fixes.length > 0) return { kind: 'refused', reason: 'role-unknown', fix: fixes.join(' ') };
  const idOf = (role: SeedRole) => RoleId.parse(known.get(role.name ?? role.key)?.[0]?.id); // there is exactly one
  return { kind: 'found', roles: wanted.map((role) => ({ id: idOf(role), scope: role.scope ?? null })) };
}

interface RoleTable {
  readonly schema: string;
  readonly table: string;
  readonly id: string;
  readonly name: string;
}

/** Asked of the catalog first: an error would end the transaction, and name no remedy. */
async function judgeRoleTable(tx: EntityManager, { schema, table, id, name }: RoleTable): Promise<RolesFound | null> {
  const facts = await readCatalog(tx, { schema, table });
  const from = quotedTable(schema, table);
  const columns = [id, name].map((column) => ({ column, facts: facts.columns?.find((each) => each.name === column) }));
  const to = `to ${quoted(facts.user)};`;
  if (facts.columns === null) {
    return missing(`create table ${from} (${quoted(id)} uuid primary key, ${quoted(name)} text not null unique);`);
  }
  if (!facts.schema.usable) return denied(`grant usage on schema ${quoted(schema)} ${to}`);
  const absent = columns.filter((each) => each.facts === undefined);
  if (absent.length > 0) {
    return missing(absent.map(({ column }) => `alter table ${from} add column ${quoted(column)} text;`).join(' '));
  }
  return columns.every((each) => each.facts?.mayRead) ? null : denied(`grant select on ${from} ${to}`);
}

function missing(fix: string): RolesFound {
  return { kind: 'refused', reason: 'grants-table-missing', fix };
}

function denied(fix: string): RolesFound {
  return { kind: 'refused', reason: 'grants-not-writable', fix };
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
