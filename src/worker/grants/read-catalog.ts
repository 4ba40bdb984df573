import { raw, sql, type EntityManager } from '@mikro-orm/postgresql';

/** What the catalog of PostgreSQL says about one table, for the user that asks. */
export interface TableFacts {
  readonly user: string;
  readonly schema: { readonly exists: boolean; readonly usable: boolean };
  /** `null`: there is no such table. */
  readonly columns: readonly ColumnFacts[] | null;
  readonly uniqueIndexes: readonly UniqueIndex[];
  readonly foreignKeys: readonly { readonly name: string; readonly columns: readonly string[] }[];
  /** Not a view nor partitioned, and without triggers and rules for a row that is inserted. */
  readonly isPlain: boolean;
  /** Some constraint waits for the commit. */
  readonly isDeferred: boolean;
}

export interface ColumnFacts {
  readonly name: string;
  /** Fit for a cast: what a domain is made of, and without a length, at which a cast would cut in silence. */
  readonly type: string;
  readonly isText: boolean;
  /** Neither a default nor a trigger may fill it. */
  readonly required: boolean;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /** The sequence its default takes numbers from, quoted, where the user may not use it. */
  readonly deniedSequence: string | null;
}

/** One that ON CONFLICT can name: valid, immediate and without a twin that is not (it would mean both), over columns only. */
export interface UniqueIndex {
  readonly columns: readonly string[];
  readonly predicate: Predicate;
  readonly nullsAreEqual: boolean;
}

/** Of which rows the index holds. `other` is not understood. */
export type Predicate = 'all' | 'scope-null' | 'scope-given' | 'other';

export interface TableToRead {
  readonly schema: string;
  readonly table: string;
  readonly scope?: string | undefined;
}

/** Asks for no privilege: everybody may read the catalog. */
export async function readCatalog(em: EntityManager, wanted: TableToRead): Promise<TableFacts> {
  const { schema, table, scope = '' } = wanted;
  const [found] = await em.execute<Found[]>(sql`
    select current_user::text as "user", n.oid is not null as exists, has_schema_privilege(n.oid, 'usage') as usable,
           c.oid::text as oid,
           coalesce(c.relkind = 'r' and not c.relhasrules and not exists (
             select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & ${ON_INSERT} > 0
           ), false) as "isPlain",
           exists (select from pg_constraint k where k.conrelid = c.oid and k.condeferred) as "isDeferred"
    from (select) as one
    left join pg_namespace n on n.nspname = ${schema}
    left join pg_class c on c.relnamespace = n.oid and c.relname = ${table} and c.relkind in ('r', 'p', 'v', 'f')`);
  const { user = '', exists = false, usable = false, oid = null, isPlain = false, isDeferred = false } = found ?? {};
  const schemaFacts = { exists, usable: usable === true };
  // Without USAGE on the schema nothing in it can be used, and asking about its sequences would fail.
  if (oid === null || !schemaFacts.usable) {
    const columns = oid === null ? null : [];
    return { user, schema: schemaFacts, columns, uniqueIndexes: [], foreignKeys: [], isPlain, isDeferred };
  }
  return {
    user,
    schema: schemaFacts,
    columns: await readColumns(em, oid),
    uniqueIndexes: await readUniqueIndexes(em, oid, scope),
    foreignKeys: await readForeignKeys(em, oid),
    isPlain,
    isDeferred,
  };
}

interface Found extends Pick<TableFacts, 'user' | 'isPlain' | 'isDeferred'> {
  readonly exists: boolean;
  readonly usable: boolean | null;
  readonly oid: string | null;
}

/** Bits of `tgtype` (PostgreSQL: src/include/catalog/pg_trigger.h). */
const ON_INSERT = 4;
const BEFORE_EACH_ROW_ON_INSERT = 1 | 2 | ON_INSERT;

function readColumns(em: EntityManager, oid: string): Promise<ColumnFacts[]> {
  // Type modifier −1, not null: null makes `character` of a char(n), which is a char(1).
  return em.execute<ColumnFacts[]>(sql`
    select a.attname::text as name, format_type(base.oid, -1) as type, t.typcategory = 'S' as "isText",
           a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attgenerated = '' and t.typdefault is null and not exists (
             select from pg_trigger g where g.tgrelid = a.attrelid and not g.tgisinternal and g.tgenabled <> 'D'
               and g.tgtype & ${BEFORE_EACH_ROW_ON_INSERT} = ${BEFORE_EACH_ROW_ON_INSERT}
           ) as required,
           has_column_privilege(a.attrelid, a.attnum, 'select') as "mayRead",
           has_column_privilege(a.attrelid, a.attnum, 'insert') as "mayWrite",
           (
             select format('%I.%I', n.nspname, s.relname)
             from pg_attrdef d
             join pg_depend u on u.classid = 'pg_attrdef'::regclass and u.objid = d.oid and u.refclassid = 'pg_class'::regclass
             join pg_class s on s.oid = u.refobjid
             join pg_namespace n on n.oid = s.relnamespace
             where d.adrelid = a.attrelid and d.adnum = a.attnum
               and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'usage, update') end
             limit 1
           ) as "deniedSequence"
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    cross join lateral (
      with recursive made_of as (
        select t.oid, t.typtype, t.typbasetype
        union all
        select b.oid, b.typtype, b.typbasetype from made_of join pg_type b on b.oid = made_of.typbasetype
      ) select oid from made_of where typtype <> 'd'
    ) base
    where a.attrelid = ${oid}::oid and a.attnum > 0 and not a.attisdropped
    order by a.attnum`);
}

function readUniqueIndexes(em: EntityManager, oid: string, scope: string): Promise<UniqueIndex[]> {
  // `indnullsnotdistinct` exists from PostgreSQL 15 on; as JSON it may be missing.
  return em.execute<UniqueIndex[]>(sql`
    select (
             select jsonb_agg(a.attname::text order by k.at)
             from unnest(i.indkey::int2[]) with ordinality as k(attnum, at)
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
             where k.at <= i.indnkeyatts
           ) as columns,
           case coalesce(pg_get_expr(i.indpred, i.indrelid), '')
             when '' then 'all'
             when format('(%I IS NULL)', ${scope}::text) then 'scope-null'
             when format('(%I IS NOT NULL)', ${scope}::text) then 'scope-given'
             else 'other'
           end as predicate,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as "nullsAreEqual"
    from pg_index i
    where i.indrelid = ${oid}::oid and i.indisunique and i.indisvalid and i.indimmediate and i.indexprs is null and not exists (
      select from pg_index d
      where d.indrelid = i.indrelid and d.indisunique and not d.indimmediate and ${keyOf('d')} @> ${keyOf('i')} and ${keyOf('d')} <@ ${keyOf('i')}
    )
    order by i.indexrelid`);
}

/** The numbers of its columns, without those that it only includes. */
function keyOf(index: 'i' | 'd') {
  const at = raw(index);
  return sql`(${at}.indkey::int2[])[0:${at}.indnkeyatts - 1]`;
}

function readForeignKeys(em: EntityManager, oid: string): Promise<TableFacts['foreignKeys'][number][]> {
  return em.execute(sql`
    select c.conname::text as name, (
             select jsonb_agg(a.attname::text) from pg_attribute a
             where a.attrelid = c.conrelid and a.attnum = any(c.conkey)
           ) as columns
    from pg_constraint c where c.conrelid = ${oid}::oid and c.contype = 'f'`);
}
