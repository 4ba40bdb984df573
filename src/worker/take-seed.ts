import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { RunId, SeedId, TenantId, type Email } from '#shared/contract/ids.ts';
import type { ReasonOf } from '#shared/contract/reasons.ts';
import { SeedRole } from '#shared/contract/roles.ts';
import { SEED_STATES, type SeedStateKind, type Suspicion } from '#shared/contract/seed-state.ts';
import { GrantMode, OnMissing, TenantSettings } from '#shared/contract/tenant-settings.ts';
import { moveToPending } from '#shared/ledger/move-seed.ts';

/** A seed that needs work, with all that is needed to do it. */
export interface TakenSeed {
  readonly id: SeedId;
  readonly run: RunId;
  readonly tenant: TenantId;
  readonly email: Email;
  readonly roles: readonly SeedRole[];
  readonly onMissing: OnMissing;
  readonly mode: GrantMode;
  readonly state: SeedStateKind;
  readonly suspicion: Suspicion | null;
  readonly userPool: TenantSettings['userPool'];
  readonly identity: TenantSettings['identity'];
  readonly grants: TenantSettings['grants'];
  /** A definitive answer that another seed of the tenant got, and that speaks for this one as well. */
  readonly sharedFault: ReasonOf<'tenant'> | null;
  /** By the database's clock, as it stands beside the times of replays. */
  readonly takenAt: string;
  /** Some fault of the tenant stands in the ledger, be it older than a replay of this seed. */
  readonly tenantHasFault: boolean;
}

const Row = z.object({
  id: z.coerce.number().pipe(SeedId),
  run: z.coerce.number().pipe(RunId),
  tenant: TenantId,
  email: z.string().transform((email) => email as Email), // the directory checks it once more before it uses it
  roles: z.array(SeedRole),
  on_missing: OnMissing,
  mode: GrantMode,
  state: z.enum(SEED_STATES),
  suspected_reason: z.enum(['user-missing', 'credentials-invalid']).nullable(),
  sightings: z.number(),
  settings: TenantSettings,
  fault_reason: z
    .string()
    .transform((reason) => reason as ReasonOf<'tenant'>) // written by tenant-fault.ts alone
    .nullable(),
  replayed_after_fault: z.boolean().nullable(),
  taken_at: z.string(),
});

/**
 * `null`: nothing to do, because the seed is settled, superseded or gone. A blocked seed that is taken up again is a
 * replay from the board, and the ledger follows before anything is tried.
 */
export async function takeSeed(em: EntityManager, { run, seedId }: { run: RunId; seedId: SeedId }) {
  const [found] = await em.execute<unknown[]>(sql`
    select s.id, s.run, s.tenant, s.email, s.roles, s.on_missing, s.mode, s.state, s.suspected_reason, s.sightings,
           t.settings, t.fault_reason, s.replayed_at > t.fault_at as replayed_after_fault,
           clock_timestamp()::text as taken_at
    from rolecall.seed s join rolecall.release_tenant t on t.run = s.run and t.tenant = s.tenant
    where s.id = ${seedId} and s.run = ${run}`);
  if (found === undefined) return null;
  const row = Row.parse(found);
  switch (row.state) {
    case 'granted':
    case 'skipped':
    case 'superseded':
      return null;
    case 'blocked': {
      const replayed = await moveToPending(em, [row.id]);
      return replayed.length === 0
        ? null
        : toTakenSeed({ ...row, state: 'pending', suspected_reason: null, replayed_after_fault: true });
    }
    case 'pending':
    case 'retrying':
    case 'waiting':
      return toTakenSeed(row);
    default:
      return row.state satisfies never;
  }
}

function toTakenSeed(row: z.infer<typeof Row>): TakenSeed {
  const {
    id,
    run,
    tenant,
    email,
    roles,
    on_missing,
    mode,
    state,
    suspected_reason,
    sightings,
    settings,
    fault_reason,
  } = row;
  return {
    id,
    run,
    tenant,
    email,
    roles,
    mode,
    state,
    ...settings,
    onMissing: on_missing,
    suspicion: suspected_reason === null ? null : { reason: suspected_reason, sightings },
    sharedFault: row.replayed_after_fault === true ? null : fault_reason,
    takenAt: row.taken_at,
    tenantHasFault: fault_reason !== null,
  };
}
