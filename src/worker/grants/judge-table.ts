import type { GrantsTable } from '#shared/contract/tenant-settings.ts';
import { coverGrants } from './cover-grants.ts';
import type { RoleTableVerdict } from './judge-role-table.ts';
import type { ColumnFacts, TableFacts } from './read-catalog.ts';
import { quoted, quotedTable, remarkAbsence, type Column, type TableLayout } from './table-layout.ts';

export type TableVerdict =
  | { readonly kind: 'fits'; readonly layout: TableLayout }
  /** `fix`: what makes it fit, a statement wherever one would do. */
  | { readonly kind: 'unfit'; readonly reason: 'grants-table-missing' | 'grants-not-writable'; readonly fix: string };

/** Pure: whether grants can be written to a tenant's own table as the manifest maps it, and how. */
export function judgeTable(
  schema: string,
  mapping: GrantsTable,
  facts: TableFacts,
  roles: RoleTableVerdict,
): TableVerdict {
  const { columns, constants } = mapping;
  const table = quotedTable(schema, mapping.name);
  const absent = [
    ...missing(schema, mapping, facts, roles.idType),
    ...unsuitable(table, mapping, facts),
    ...roles.absent,
  ];
  const denied = [...new Set([...deniedRights(schema, mapping, facts), ...roles.denied])]; // the schema may be the same
  if (absent.length > 0)
    return { kind: 'unfit', reason: 'grants-table-missing', fix: [...absent, ...denied].join(' ') };
  if (denied.length > 0) return { kind: 'unfit', reason: 'grants-not-writable', fix: denied.join(' ') };

  const column = (name: string): Column => ({ name: quoted(name), type: find(facts, name)?.type ?? 'text' }); // it is there
  const { userId, roleId, tenant, scope, id } = columns;
  const key = { columns: [userId, roleId, ...(tenant === undefined ? [] : [tenant])], scope };
  return {
    kind: 'fits',
    layout: {
      table,
      user: column(userId),
      role: column(roleId),
      scope: scope === undefined ? null : column(scope),
      id: id === undefined ? null : column(id),
      tenant: tenant === undefined ? null : column(tenant),
      constants: Object.entries(constants).map(([name, value]) => ({ ...column(name), value })),
      arbiters: coverGrants(key, facts.uniqueIndexes),
      roleKeys: facts.foreignKeys.filter((each) => each.columns.includes(roleId)).map(({ name }) => name),
      idIsUnique: facts.uniqueIndexes.some(
        (index) => index.predicate === 'all' && index.columns.length === 1 && index.columns[0] === id,
      ),
      isPlain: facts.isPlain,
      isDeferred: facts.isDeferred,
    },
  };
}

function find({ columns }: TableFacts, name: string): ColumnFacts | undefined {
  return columns?.find((column) => column.name === name);
}

/** Every column that a row of rolecall fills, with the type it should have where nobody has chosen one. */
function filled({ columns, constants }: GrantsTable): Map<string, string> {
  const { userId, roleId, tenant, scope, id } = columns;
  const texts = [tenant, scope, ...Object.keys(constants)].filter((name) => name !== undefined);
  const uuids = [id, userId, roleId].filter((name) => name !== undefined);
  return new Map([...uuids.map((name) => [name, 'uuid'] as const), ...texts.map((name) => [name, 'text'] as const)]);
}

function missing(schema: string, mapping: GrantsTable, facts: TableFacts, roleIdType: string): string[] {
  const table = quotedTable(schema, mapping.name);
  const types = filled(mapping).set(mapping.columns.roleId, roleIdType);
  const wanted = [...types].map(([name, type]) => ({ name, definition: `${quoted(name)} ${type}` }));
  if (facts.columns === null) {
    const create = `create table ${table} (${wanted.map(({ definition }) => definition).join(', ')});`;
    return facts.schema.exists
      ? [remarkAbsence(`table ${table}`, 'grants.table.name'), create]
      : [remarkAbsence(`schema ${quoted(schema)}`, 'grants.schema'), `create schema ${quoted(schema)};`, create];
  }
  if (!facts.schema.usable) return [];
  const absent = wanted.filter(({ name }) => find(facts, name) === undefined);
  if (absent.length === 0) return [];
  const names = absent.map(({ name }) => name);
  return [
    remarkAbsence(`column ${names.map(quoted).join(' or ')}`, keyOf(names, mapping)),
    ...absent.map(({ definition }) => `alter table ${table} add column ${definition};`),
  ];
}

/** Where the manifest says these names. */
function keyOf(names: readonly string[], { constants }: GrantsTable): string {
  const ofConstants = names.filter((name) => Object.hasOwn(constants, name));
  if (ofConstants.length === 0) return 'grants.table.columns';
  return ofConstants.length === names.length ? 'grants.table.constants' : 'grants.table';
}

/** Whatever is longer they cut, and say nothing (PostgreSQL: 8.3 Character Types). */
const CUTTING: ReadonlySet<string | undefined> = new Set(['name', '"char"']);

/** What is there, and would refuse every row, or change its values. */
function unsuitable(table: string, mapping: GrantsTable, facts: TableFacts): string[] {
  const { userId, id } = mapping.columns;
  const names = filled(mapping);
  const holdsUuid = (name: string | undefined) => {
    const column = name === undefined ? undefined : find(facts, name);
    return column === undefined || column.isText || column.type === 'uuid';
  };
  const toText = [...names.keys()].filter(
    (name) => (name === userId && !holdsUuid(name)) || CUTTING.has(find(facts, name)?.type),
  );
  const required = facts.columns?.filter((column) => column.required && !names.has(column.name)) ?? [];
  return [
    ...toText.map((name) => `alter table ${table} alter column ${quoted(name)} type text;`),
    ...(holdsUuid(id) ? [] : [`Leave out grants.table.columns.id: ${quoted(id ?? '')} holds no uuid.`]),
    ...required.map(
      ({ name }) =>
        `alter table ${table} alter column ${quoted(name)} set default …; (or name it in the manifest, under grants.table)`,
    ),
  ];
}

function deniedRights(schema: string, mapping: GrantsTable, facts: TableFacts): string[] {
  const { user, columns } = facts;
  const to = `to ${quoted(user)};`;
  const { userId, roleId, tenant, scope, id } = mapping.columns;
  const read = [userId, roleId, tenant, scope, id].filter((name) => name !== undefined);
  const mayNotRead = read.some((name) => find(facts, name)?.mayRead === false);
  const mayNotWrite = [...filled(mapping).keys()].some((name) => find(facts, name)?.mayWrite === false);
  const rights = [...(mayNotRead ? ['select'] : []), ...(mayNotWrite ? ['insert'] : [])];
  const sequences =
    columns?.filter(({ name }) => !filled(mapping).has(name)).flatMap((c) => c.deniedSequence ?? []) ?? [];
  return [
    ...(facts.schema.exists && !facts.schema.usable ? [`grant usage on schema ${quoted(schema)} ${to}`] : []),
    ...(rights.length > 0 ? [`grant ${rights.join(', ')} on ${quotedTable(schema, mapping.name)} ${to}`] : []),
    ...sequences.map((sequence) => `grant usage on sequence ${sequence} ${to}`),
  ];
}
