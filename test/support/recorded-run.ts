import { sql } from '@mikro-orm/postgresql';
import { Email, ManifestName, ReleaseId, RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { maskEmail } from '#shared/contract/label.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { SeedStateKind } from '#shared/contract/seed-state.ts';
import type { OnTransient } from '#shared/contract/tenant-settings.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { SeedToQueue } from '#shared/queue/add-jobs.ts';

export interface SeedRow {
  readonly tenant?: string;
  readonly email?: string;
  readonly state: SeedStateKind;
  readonly reason?: Reason;
}

export interface RunRow {
  readonly name?: string;
  readonly release?: string;
  readonly onTransient?: OnTransient;
  readonly superseded?: boolean;
  /** What the producer recorded; by default as many as there are. */
  readonly recorded?: number;
  readonly seeds: readonly SeedRow[];
}

export interface RecordedRun {
  readonly run: RunId;
  readonly name: ManifestName;
  readonly release: ReleaseId;
  readonly seeds: readonly (SeedToQueue & { readonly email: Email })[];
}

/** A run with seeds in whatever states a test begins with: rows, as a producer and workers would have left them. */
export async function recordedRun({ em }: Ledger, given: RunRow): Promise<RecordedRun> {
  const { name = 'flip', release = 'r1', onTransient = 'tolerate', superseded = false, seeds } = given;
  const [row] = await em.fork().execute<{ run: number }[]>(sql`
    insert into rolecall.release (name, release_id, digest, on_transient, seeds, superseded_at)
    values (${name}, ${release}, 'digest', ${onTransient}, ${given.recorded ?? seeds.length},
            ${superseded ? new Date() : null})
    returning run::int`);
  const run = RunId.parse(row?.run);
  const tenants = [...new Set(seeds.map(({ tenant = 'flip' }) => tenant))];
  await Promise.all(
    tenants.map((tenant) =>
      em
        .fork()
        .execute(sql`insert into rolecall.release_tenant (run, tenant, settings) values (${run}, ${tenant}, '{}')`),
    ),
  );
  const added = await Promise.all(
    seeds.map(async ({ tenant = 'flip', state, reason = null, ...seed }, ordinal) => {
      const email = Email.parse(seed.email ?? `person${ordinal}@example.org`);
      const label = maskEmail(email);
      const [inserted] = await em.fork().execute<{ id: number }[]>(sql`
        insert into rolecall.seed (run, tenant, email, label, roles, on_missing, ordinal, state, reason)
        values (${run}, ${tenant}, ${email}, ${label}, '[{"key": "admin", "id": "64d3145b-034c-4328-b637-8eb54313b7c5"}]',
                'block', ${ordinal}, ${state}, ${reason})
        returning id::int`);
      return { run, tenant: TenantId.parse(tenant), seedId: SeedId.parse(inserted?.id), label, ordinal, email };
    }),
  );
  return { run, name: ManifestName.parse(name), release: ReleaseId.parse(release), seeds: added };
}

/** So many seeds in one state. */
export function times(count: number, seed: SeedRow): SeedRow[] {
  return Array.from({ length: count }, (_, index) => ({ ...seed, email: `${seed.state}${index}@example.org` }));
}

export async function statesOf({ em }: Ledger, run: RunId): Promise<SeedStateKind[]> {
  const rows = await em
    .fork()
    .execute<{ state: SeedStateKind }[]>(sql`select state from rolecall.seed where run = ${run} order by ordinal`);
  return rows.map(({ state }) => state);
}
