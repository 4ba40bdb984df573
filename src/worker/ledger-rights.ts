import type { Ask } from '#shared/ledger/applied-migrations.ts';

/** Without these no seed gets on, and it would look like a fault of the tenant; retention fails by itself, and says so. */
const NEEDED = [
  ['select', 'rolecall.release'],
  ['select', 'rolecall.release_tenant'],
  ['select', 'rolecall.seed'],
  ['update', 'rolecall.release_tenant'],
  ['update', 'rolecall.seed'],
  ['insert', 'rolecall.audit'],
  ['insert', 'rolecall.seed_tally'],
] as const;

/** What the user of the worker may not do in the ledger, as the statement that would let it; `null`: nothing. */
export async function missingRights(ask: Ask): Promise<string | null> {
  const needed = NEEDED.map(([right, table]) => `('${right}', '${table}')`).join();
  const rows = await ask<{ user: string; right: string; table: string }>(
    `select quote_ident(current_user) as "user", needed."right", needed."table"
     from (values ${needed}) as needed("right", "table") where not has_table_privilege(needed."table", needed."right")`,
  );
  if (rows.length === 0) return null;
  const grants = rows.map(({ user, right, table }) => `grant ${right} on ${table} to ${user};`);
  return `the user of DATABASE_URL lacks rights that workers need: ${grants.join(' ')}`;
}
