import type { TableFacts } from './read-catalog.ts';
import { quoted, quotedTable, remarkAbsence } from './table-layout.ts';

export interface RoleTable {
  readonly schema: string;
  readonly table: string;
  readonly id: string;
  readonly name: string;
  readonly tenant?: string | undefined;
}

/** What would let roles be looked up by name, as statements; both are empty when they can be. */
export interface RoleTableVerdict {
  readonly absent: readonly string[];
  readonly denied: readonly string[];
  /** Of what type the ids of roles are there, or would be. */
  readonly idType: string;
}

/** The manifest says the ids: they may be anything that can be written as a text. */
export const NO_ROLE_TABLE: RoleTableVerdict = { absent: [], denied: [], idType: 'text' };

/** Pure. */
export function judgeRoleTable({ schema, table, id, name, tenant }: RoleTable, facts: TableFacts): RoleTableVerdict {
  const from = quotedTable(schema, table);
  const to = `to ${quoted(facts.user)};`;
  if (facts.columns === null) {
    const owner = tenant === undefined ? [] : [quoted(tenant)];
    const texts = [quoted(name), ...owner].map((column) => `${column} text not null`);
    const create = `create table ${from} (${quoted(id)} uuid primary key, ${texts.join(', ')}, unique (${[...owner, quoted(name)].join(', ')}));`;
    return { absent: [remarkAbsence(`table ${from}`, 'grants.table.roles.table'), create], denied: [], idType: 'uuid' };
  }
  const named = { id, name, ...(tenant !== undefined && { tenant }) };
  const columns = Object.entries(named).map(([key, column]) => {
    return { key, column, facts: facts.columns?.find((each) => each.name === column) };
  });
  const idType = columns[0]?.facts?.type ?? 'text';
  if (!facts.schema.usable) return { absent: [], denied: [`grant usage on schema ${quoted(schema)} ${to}`], idType };
  return {
    absent: columns.flatMap(({ key, column, facts: found }) =>
      found === undefined
        ? [
            remarkAbsence(`column ${quoted(column)}`, `grants.table.roles.${key}`),
            `alter table ${from} add column ${quoted(column)} text;`,
          ]
        : [],
    ),
    denied: columns.some((each) => each.facts?.mayRead === false) ? [`grant select on ${from} ${to}`] : [],
    idType,
  };
}
