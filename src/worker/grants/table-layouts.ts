import type { EntityManager } from '@mikro-orm/postgresql';
import type { GrantsTable, TenantSettings } from '#shared/contract/tenant-settings.ts';
import { placeOf } from './grants-place.ts';
import { judgeRoleTable, NO_ROLE_TABLE } from './judge-role-table.ts';
import { judgeTable, type TableVerdict } from './judge-table.ts';
import { readCatalog } from './read-catalog.ts';

export type MappedGrants = TenantSettings['grants'] & { readonly table: GrantsTable };

export interface TableLayouts {
  /** It fitted a moment ago. */
  isKnown(grants: MappedGrants): boolean;
  /** `known`: not read just now, so the table may have changed since. */
  find(
    tx: EntityManager,
    grants: MappedGrants,
    readAfresh: boolean,
  ): Promise<TableVerdict & { readonly known: boolean }>;
  forget(grants: MappedGrants): void;
}

/** Long enough that the catalog costs nothing, short enough that a new index is soon made use of. */
const MAX_AGE_MS = 60_000;
/** A tenant takes about 1 kB. */
const MAX_KEPT = 5_000;

/**
 * What the tables of tenants look like. Only what fits is kept: a table that does not is read anew for every seed that
 * asks, so mending it and replaying is enough.
 */
export function createTableLayouts(now: () => number): TableLayouts {
  const kept = new Map<string, { readonly verdict: TableVerdict; readonly readAt: number }>();
  function findKnown(key: string): TableVerdict | undefined {
    const known = kept.get(key);
    return known !== undefined && now() - known.readAt < MAX_AGE_MS ? known.verdict : undefined;
  }

  return {
    isKnown: (grants) => findKnown(keyOf(grants)) !== undefined,
    async find(tx, grants, readAfresh) {
      const key = keyOf(grants);
      const known = readAfresh ? undefined : findKnown(key);
      if (known !== undefined) return { ...known, known: true };
      kept.delete(key);
      const readAt = now();
      const verdict = await judge(tx, grants);
      if (verdict.kind === 'fits') {
        if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value ?? ''); // the one read longest ago
        kept.set(key, { verdict, readAt });
      }
      return { ...verdict, known: false };
    },
    forget: (grants) => void kept.delete(keyOf(grants)),
  };
}

async function judge(tx: EntityManager, { schema, table }: MappedGrants): Promise<TableVerdict> {
  const facts = await readCatalog(tx, { schema, table: table.name, scope: table.columns.scope });
  if (table.roles === undefined) return judgeTable(schema, table, facts, NO_ROLE_TABLE);
  const place = { ...table.roles, schema: table.roles.schema ?? schema };
  return judgeTable(schema, table, facts, judgeRoleTable(place, await readCatalog(tx, place)));
}

function keyOf(grants: MappedGrants): string {
  return `${grants.databaseUrlEnv} ${placeOf(grants)}`;
}
