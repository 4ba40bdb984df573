/** A column as statements need it. */
export interface Column {
  /** Quoted. */
  readonly name: string;
  /** What a text is cast to before it is compared with the column or written to it. */
  readonly type: string;
}

/** All that has to be known about a table to write grants to it. */
export interface TableLayout {
  /** Quoted, with its schema. */
  readonly table: string;
  readonly user: Column;
  readonly role: Column;
  readonly scope: Column | null;
  /** `null`: the table leaves it to a default, or has none. */
  readonly id: Column | null;
  readonly tenant: Column | null;
  readonly constants: readonly (Column & { readonly value: string })[];
  /** What follows ON CONFLICT for grants without a scope and for those with one; `null`: no unique index covers them. */
  readonly arbiters: { readonly unscoped: string | null; readonly scoped: string | null };
  /** The foreign keys that a role must satisfy; any other is about the user, the scope or a constant. */
  readonly roleKeys: readonly string[];
  /** A unique index stops an id that is taken. */
  readonly idIsUnique: boolean;
  /** No trigger, rule or partition has a say in what becomes of a row. */
  readonly isPlain: boolean;
  /** Some constraint waits for the commit. */
  readonly isDeferred: boolean;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotedTable(schema: string, table: string): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

/**
 * A misspelt name is likelier than a table or column that nobody made. It is a comment of SQL, so that the statements
 * behind it can be run as they stand.
 */
export function remarkAbsence(what: string, key: string): string {
  return `/* There is no ${what}: is ${key} right? If it is: */`;
}

function column(name: string, type: string): Column {
  return { name: quoted(name), type };
}

/** The tables that rolecall migrates itself: nothing about them has to be read. */
export function managedLayout(schema: string): TableLayout {
  return {
    table: quotedTable(schema, 'user_role'),
    user: column('user_id', 'uuid'),
    role: column('role_id', 'uuid'),
    scope: null,
    id: column('id', 'uuid'),
    tenant: column('tenant_id', 'varchar'),
    constants: [],
    arbiters: { unscoped: '("tenant_id", "user_id", "role_id")', scoped: null },
    roleKeys: ['user_role_role_id_foreign'],
    idIsUnique: true,
    isPlain: true,
    isDeferred: false,
  };
}
