import { z } from 'zod';
import { GrantMode } from '#shared/contract/tenant-settings.ts';

/** The messages do not quote the value: it is likely to be the URL itself, password and all. */
const DatabaseUrlEnv = z.string().regex(/^[A-Z_][A-Z0-9_]*$/, {
  error: ({ input }) => {
    const text = String(input);
    if (text.includes('://')) return 'this is a URL; expected the name of the environment variable that holds the URL';
    if (text.includes('${')) return 'nothing is substituted here; write the name of the variable without "${" and "}"';
    return 'expected the name of an environment variable, like DATABASE_URL';
  },
});

/** As the catalog spells it; it is always quoted. Without dots and quotes, which nobody means here. */
const Identifier = z
  .string()
  .regex(
    /^[A-Za-z_][\w$-]{0,62}$/,
    'expected a name as PostgreSQL stores it, without quotes and schema: 1 to 63 of letters, digits, "_", "$", "-"',
  );

/** PostgreSQL casts the text to the type of the column. It takes no NUL, and nobody means another control character. */
const Text = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text));

export const ColumnValue = z.union([Text, z.int().transform(String)], {
  error: 'expected a text of 1 to 200 characters, without control characters, or a whole number',
});

const Columns = z.strictObject({
  userId: Identifier.default('user_id').describe("Holds the user's Cognito sub: a uuid or a text."),
  roleId: Identifier.default('role_id').describe('Holds the id of the role, of whatever type.'),
  tenant: Identifier.optional().describe('Says whose grant it is, where one table serves several tenants.'),
  scope: Identifier.optional().describe('Within which the role is held; null: everywhere.'),
  id: Identifier.optional().describe(
    'A key of type uuid or text that rolecall generates. Leave it out where the column has a default.',
  ),
});

const RoleTable = z.strictObject({
  schema: Identifier.optional().describe('The schema of the table of roles, where it is another one.'),
  table: Identifier.default('roles').describe('The table of roles.'),
  id: Identifier.default('id').describe('Its column with the id.'),
  name: Identifier.default('name').describe("Its column with the name that the manifest's roles have."),
  tenant: Identifier.optional().describe(
    'Its column that says whose role it is, where tenants have roles of their own.',
  ),
});

const Table = z
  .strictObject({
    name: Identifier.describe('The table, or view, that holds one row per grant.'),
    columns: Columns.prefault({}).describe('Which columns hold what.'),
    tenantValue: ColumnValue.optional().describe("What stands in the columns of the tenant; default: the tenant's id."),
    constants: z
      .record(Identifier, ColumnValue)
      .default({})
      .describe('Further columns, and what is written to them in every new row.'),
    roles: RoleTable.optional().describe(
      'Looks the ids of roles up by their names. Without it, they are those of the manifest.',
    ),
  })
  .superRefine(({ columns, constants, tenantValue, roles }, ctx) => {
    const taken = new Map<string, string>();
    for (const [key, column] of Object.entries(columns)) {
      if (column === undefined) continue;
      const other = taken.get(column);
      if (other !== undefined) refuse(ctx, ['columns', key], `this column is named for ${other} already`);
      taken.set(column, key);
    }
    for (const column of Object.keys(constants)) {
      const other = taken.get(column);
      if (other !== undefined) refuse(ctx, ['constants', column], `this column is named for ${other} already`);
    }
    if (tenantValue !== undefined && columns.tenant === undefined && roles?.tenant === undefined) {
      refuse(ctx, ['tenantValue'], 'no column holds it: name one by columns.tenant or roles.tenant');
    }
  });

function refuse(ctx: z.core.$RefinementCtx, path: PropertyKey[], message: string): void {
  ctx.addIssue({ code: 'custom', path, message });
}

/** Where rolecall makes the tables, what needs no quotes anywhere. */
const MANAGED_SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

export const Grants = z
  .strictObject({
    databaseUrlEnv: DatabaseUrlEnv.default('DATABASE_URL').describe(
      "The name of the environment variable that holds the URL of the tenant's PostgreSQL. Never the URL itself.",
    ),
    schema: Identifier.default('public').describe('The schema in which the tables of the grants are.'),
    mode: GrantMode.default('ensure').describe(
      'When a grant is made: whenever it is missing, or only for a user who holds no role at all in that scope.',
    ),
    table: Table.optional().describe("The tenant's own table of grants. Without it, rolecall keeps tables of its own."),
  })
  .superRefine(({ schema, table }, ctx) => {
    if (table !== undefined || MANAGED_SCHEMA.test(schema)) return;
    refuse(ctx, ['schema'], 'expected the name of a PostgreSQL schema in lower case, like public');
  });
