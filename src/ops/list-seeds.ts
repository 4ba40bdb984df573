import { sql, type EntityManager } from '@mikro-orm/postgresql';
import type { RunId, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { SeedStateKind } from '#shared/contract/seed-state.ts';

const PAGE = 1_000;

export interface SeedFilter {
  readonly run: RunId;
  readonly tenant: TenantId | undefined;
  readonly state: SeedStateKind | undefined;
}

/** A seed as `status` shows it. */
export interface ListedSeed {
  readonly tenant: TenantId;
  /** The masked label, or the email when that was asked for. */
  readonly who: string;
  readonly roles: readonly string[];
  readonly state: SeedStateKind;
  readonly reason: Reason | null;
  readonly attempts: number;
  /** ISO 8601. */
  readonly nextAttemptAt: string | null;
}

/** Page by page, by tenant and email; the whole list never stands in memory. */
export async function* listSeeds(
  em: () => EntityManager,
  filter: SeedFilter,
  emails: boolean,
): AsyncGenerator<readonly ListedSeed[]> {
  let after: Cursor = { tenant: '', key: '' };
  for (;;) {
    // The cursor follows the unique index (run, tenant, lower(email)), so that a page costs the same at any depth.
    const rows: (ListedSeed & Cursor)[] = await em().execute(sql`
      select tenant, ${emails ? sql`email` : sql`label`} as who, lower(email) as key, state, reason, attempts,
             array(select role ->> 'key' from jsonb_array_elements(roles) as role) as roles,
             to_char(next_attempt_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "nextAttemptAt"
      from rolecall.seed
      where ${matches(filter)} and (tenant, lower(email)) > (${after.tenant}, ${after.key})
      order by tenant, lower(email)
      limit ${PAGE}`);
    if (rows.length > 0) yield rows.map(withoutKey);
    if (rows.length < PAGE) return;
    after = rows.at(-1) ?? after;
  }
}

/** The key is the email, which nobody asked for. */
function withoutKey({ tenant, who, roles, state, reason, attempts, nextAttemptAt }: ListedSeed): ListedSeed {
  return { tenant, who, roles, state, reason, attempts, nextAttemptAt };
}

interface Cursor {
  readonly tenant: string;
  readonly key: string;
}

export interface SeedWidths {
  readonly tenant: number;
  readonly who: number;
  readonly roles: number;
}

/** The widest of each column, so that a table can be written before all of it is read. */
export async function measureSeeds(em: EntityManager, filter: SeedFilter, emails: boolean): Promise<SeedWidths> {
  const [widths] = await em.execute<SeedWidths[]>(sql`
    select coalesce(max(length(tenant)), 0) as tenant,
           coalesce(max(length(${emails ? sql`email` : sql`label`})), 0) as who,
           coalesce(max((select sum(length(role ->> 'key') + 1) - 1 from jsonb_array_elements(roles) as role)), 0)::int as roles
    from rolecall.seed
    where ${matches(filter)}`);
  return widths ?? { tenant: 0, who: 0, roles: 0 };
}

function matches({ run, tenant, state }: SeedFilter) {
  const ofTenant = tenant === undefined ? sql`true` : sql`tenant = ${tenant}`;
  return state === undefined
    ? sql`run = ${run} and ${ofTenant}`
    : sql`run = ${run} and ${ofTenant} and state = ${state}`;
}
