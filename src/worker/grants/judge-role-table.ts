import type { TableFacts } from './read-catalog.ts';
import { quoted, quotedTable } from './table-layout.ts';

export interface RoleTable {
  readonly schema: string;
  readonly table: string;
  readonly id: string;
  readonly name: string;
}

/** What would let roles be looked up by name, as statements; both are empty when they can be. */
export interface Shortcomings {
  readonly absent: readonly string[];
  readonly denied: readonly string[];
}

/** Pure. */
export function judgeRoleTable({ schema, table, id, name }: RoleTable, facts: TableFacts): Shortcomings {
  const from = quotedTable(schema, table);
  const to = `to ${quoted(facts.user)};`;
  if (facts.columns === null) {
    const create = `create table ${from} (${quoted(id)} uuid primary key, ${quoted(name)} text not null unique);`;
    return { absent: [create], denied: [] };
  }
  if (!facts.schema.usable) return { absent: [], denied: [`grant usage on schema ${quoted(schema)} ${to}`] };
  const columns = [id, name].map((column) => ({ column, facts: facts.columns?.find((each) => each.name === column) }));
  return {
    absent: columns.flatMap((each) =>
      each.facts === undefined ? [`alter table ${from} add column ${quoted(each.column)} text;`] : [],
    ),
    denied: columns.some((each) => each.facts?.mayRead === false) ? [`grant select on ${from} ${to}`] : [],
  };
}
