import { sql, type EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { RunId, SeedId, Sub, TenantId, type Email } from '#shared/contract/ids.ts';
import type { ReasonOf } from '#shared/contract/reasons.ts';
import { SeedRole } from '#shared/contract/roles.ts';
import type { SeedJob } from '#shared/contract/seed-job.ts';
import { SEED_STATES, type SeedStateKind, type Suspicion } from '#shared/contract/seed-state.ts';
import { GrantMode, OnMissing, TenantSettings } from '#shared/contract/tenant-settings.ts';
import { moveToPending } from '#shared/ledger/move-seed.ts';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { createMicroBatch } from './batching/micro-batch.ts';
import { isDatabaseAway } from './grants/database-errors.ts';
import { parseOnce } from './parse-once.ts';
import { SEEN_OF_SEED } from './walks/seen-users.ts';

/** Whose turn it is. */
export type SeedToTake = Pick<SeedJob, 'run' | 'seedId'>;

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
  /** Epoch milliseconds; never later than what was read, so that whoever a walk saw after it is asked for once more. */
  readonly takenAtMs: number;
  /** Some fault of the tenant stands in the ledger, be it older than a replay of this seed. */
  readonly tenantHasFault: boolean;
  /** Whom a walk through the pool saw within the last minute, and since the seed was replayed. */
  readonly seenSub: Sub | null;
}

/** As PostgreSQL returns it; what is JSON comes as text, since most seeds share theirs with others. */
const Row = z.object({
  id: z.coerce.number().pipe(SeedId),
  run: z.coerce.number().pipe(RunId),
  tenant: TenantId,
  email: z.string().transform((email) => email as Email), // the directory checks it once more before it uses it
  roles: z.string().transform(parseOnce(z.array(SeedRole))),
  on_missing: OnMissing,
  mode: GrantMode,
  state: z.enum(SEED_STATES),
  suspected_reason: z.enum(['user-missing', 'credentials-invalid']).nullable(),
  sightings: z.number(),
  settings: z.string().transform(parseOnce(TenantSettings)),
  fault_reason: z
    .string()
    .transform((reason) => reason as ReasonOf<'tenant'>) // written by tenant-fault.ts alone
    .nullable(),
  replayed_after_fault: z.boolean().nullable(),
  taken_at: z.string(),
  taken_at_ms: z.number(),
  seen_sub: Sub.nullable(),
});

/**
 * Takes seeds, many in one statement. `null`: nothing to do, because the seed is settled, superseded or gone. A blocked
 * seed that is taken up again is a replay from the board, and the ledger follows before anything is tried.
 */
export function createSeedTaker(
  ledger: EntityManager,
  execute: RunStatement,
): (wanted: SeedToTake) => Promise<TakenSeed | null> {
  const read = createMicroBatch({
    laneOf: () => 'all',
    keysOf: () => [],
    run: (wanted: readonly SeedToTake[]) => readRows(execute, wanted),
    failsAlike: isDatabaseAway,
  });

  return async (wanted) => {
    const found = await read(wanted);
    if (found === undefined) return null;
    const row = Row.parse(found);
    switch (row.state) {
      case 'granted':
      case 'skipped':
      case 'superseded':
        return null;
      case 'blocked': {
        const replayed = await moveToPending(ledger.fork(), [row.id]);
        return replayed.length === 0
          ? null
          : toTakenSeed({
              ...row,
              state: 'pending',
              suspected_reason: null,
              replayed_after_fault: true,
              seen_sub: null,
            });
      }
      case 'pending':
      case 'retrying':
      case 'waiting':
        return toTakenSeed(row);
      default:
        return row.state satisfies never;
    }
  };
}

/**
 * What PostgreSQL assumes of an array that it does not know yet (its `estimate_array_length`). For fewer ids it would plan
 * anew every time, which takes longer than to find some that nobody has.
 */
const FEWEST_IDS = 10;
const NOBODYS_ID = 0;

async function readRows(execute: RunStatement, wanted: readonly SeedToTake[]): Promise<unknown[]> {
  const ids: number[] = wanted.map(({ seedId }) => seedId);
  while (ids.length < FEWEST_IDS) ids.push(NOBODYS_ID);
  const rows = await execute<{ id: string; run: string }[]>(sql`
    select s.id, s.run, s.tenant, s.email, s.roles::text, s.on_missing, s.mode, s.state, s.suspected_reason, s.sightings,
           t.settings::text, t.fault_reason, s.replayed_at > t.fault_at as replayed_after_fault,
           clock_timestamp()::text as taken_at, extract(epoch from statement_timestamp())::float8 * 1000 as taken_at_ms, u.sub as seen_sub
    from rolecall.seed s join rolecall.release_tenant t on t.run = s.run and t.tenant = s.tenant
    left join rolecall.seen_user u on ${SEEN_OF_SEED}
    where s.id = any(${`{${ids.join()}}`}::bigint[])`);
  const byId = new Map(rows.map((row) => [`${row.run} ${row.id}`, row]));
  return wanted.map(({ run, seedId }) => byId.get(`${run} ${seedId}`));
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
    takenAtMs: row.taken_at_ms,
    seenSub: row.seen_sub,
    tenantHasFault: fault_reason !== null,
  };
}
