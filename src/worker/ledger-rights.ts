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
  ...['rolecall.pool_walk', 'rolecall.seen_user', 'rolecall.walker'].flatMap((table) =>
    (['select', 'insert', 'update', 'delete'] as const).map((right) => [right, table] as const),
  ),
] as const;
const NEEDED_SEQUENCES = ['rolecall.audit_id_seq', 'rolecall.seed_tally_id_seq'];

/** What the user of the worker may not do in the ledger, as the statement that would let it; `null`: nothing. */
export async function missingRights(ask: Ask): Promise<string | null> {
  const tables = NEEDED.map(([right, table]) => `('${right}', '${table}')`).join();
  const sequences = NEEDED_SEQUENCES.map((sequence) => `('${sequence}')`).join();
  const rows = await ask<{ grant: string }>(
    `select format('grant %s on %s to %I;', t."right", t.name, current_user) as "grant"
     from (values ${tables}) as t("right", name) where not has_table_privilege(t.name, t."right")
     union all
     select format('grant usage on sequence %s to %I;', s.name, current_user)
     from (values ${sequences}) as s(name) where not has_sequence_privilege(s.name, 'usage, update')`,
  );
  if (rows.length === 0) return null;
  const grants = rows.map(({ grant }) => grant);
  return `the user of DATABASE_URL lacks rights that workers need: ${grants.join(' ')}`;
}
