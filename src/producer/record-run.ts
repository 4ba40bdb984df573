import { sql, type EntityManager } from '@mikro-orm/postgresql';
import pRetry from 'p-retry';
import { ConfigError } from '#shared/config/env.ts';
import type { ManifestName, ReleaseId, RunId } from '#shared/contract/ids.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import { moveToSuperseded } from '#shared/ledger/move-seed.ts';
import type { Manifest } from './manifest/manifest.ts';
import { planSeeds, type PlannedSeed } from './plan-seeds.ts';

export interface RunToRecord {
  readonly manifest: Manifest;
  readonly digest: string;
  readonly release: ReleaseId;
}

export interface RecordedRun {
  readonly run: RunId;
  /** `false`: the release was current already, and nothing was written. */
  readonly recorded: boolean;
  readonly seeds: number;
  /** Unsettled seeds of older runs that will not be worked on any more. */
  readonly superseded: number;
}

/**
 * Makes a release the current one of its manifest's name, in one transaction: the run, its tenants and seeds, and the end
 * of the older runs. Again, or by many at once: the first records, the others find it. An earlier release that comes back
 * is a new run. The same release id with another manifest is refused.
 */
export async function recordRun(em: EntityManager, wanted: RunToRecord): Promise<RecordedRun> {
  // An operator's replay and the end of an older run lock the same seeds, each in an order of its own.
  return pRetry(() => recordOnce(em, wanted), {
    retries: 3,
    minTimeout: 50,
    shouldRetry: ({ error }) => codeOf(error) === DEADLOCK_DETECTED,
  });
}

const DEADLOCK_DETECTED = '40P01';

async function recordOnce(em: EntityManager, wanted: RunToRecord): Promise<RecordedRun> {
  const { name } = wanted.manifest;
  const record = async (tx: EntityManager): Promise<RecordedRun> => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`rolecall produce ${name}`}, 0))`);
    const current = await findCurrent(tx, wanted);
    if (current !== null) return { run: current.run, seeds: current.seeds, recorded: false, superseded: 0 };
    const superseded = await supersedeOlder(tx, name);
    const seeds = countSeeds(wanted.manifest);
    const run = await insertRelease(tx, wanted, seeds);
    await insertTenants(tx, run, wanted.manifest);
    for (const chunk of chunksOf(planSeeds(wanted.manifest))) await insertSeeds(tx, run, chunk);
    return { run, recorded: true, seeds, superseded };
  };
  // What comes after the lock must see what was committed before it, whatever the database's default is.
  return em.transactional(record, { isolationLevel: 'read committed' });
}

async function findCurrent(tx: EntityManager, { manifest, digest, release }: RunToRecord) {
  const known = await tx.execute<{ run: string; seeds: number; digest: string; current: boolean }[]>(sql`
    select run, seeds, digest, superseded_at is null as current from rolecall.release
    where name = ${manifest.name} and release_id = ${release} order by run`);
  const other = known.find((row) => row.digest !== digest);
  if (other !== undefined) {
    throw new ConfigError(
      `release ${release} of ${manifest.name} was recorded with another manifest (run ${other.run}); a release id always means the same manifest: choose a new one with --release or ROLECALL_RELEASE`,
    );
  }
  const current = known.find((row) => row.current);
  return current === undefined ? null : { run: Number(current.run) as RunId, seeds: current.seeds };
}

async function supersedeOlder(tx: EntityManager, name: ManifestName): Promise<number> {
  const older = await tx.execute<{ run: string }[]>(sql`
    update rolecall.release set superseded_at = clock_timestamp()
    where name = ${name} and superseded_at is null returning run`);
  return moveToSuperseded(
    tx,
    older.map(({ run }) => Number(run) as RunId), // rows of `release`, so their runs are
  );
}

async function insertRelease(tx: EntityManager, { manifest, digest, release }: RunToRecord, seeds: number) {
  const [row] = await tx.execute<{ run: string }[]>(sql`
    insert into rolecall.release (name, release_id, digest, on_transient, seeds)
    values (${manifest.name}, ${release}, ${digest}, ${manifest.gate.onTransient}, ${seeds}) returning run`);
  return Number(row?.run) as RunId; // an identity of the table
}

async function insertTenants(tx: EntityManager, run: RunId, { tenants }: Manifest): Promise<void> {
  const rows = tenants.map(({ id, settings }) => ({ tenant: id, settings }));
  await tx.execute(sql`
    insert into rolecall.release_tenant (run, tenant, settings)
    select ${run}, tenant, settings from jsonb_to_recordset(${jsonb(JSON.stringify(rows))}) as t(tenant text, settings jsonb)`);
}

/** Each list of roles is sent once: it is most of a seed, and most seeds share a few, whatever their tenants. */
async function insertSeeds(tx: EntityManager, run: RunId, seeds: readonly PlannedSeed[]): Promise<void> {
  const lists = new Map<string, number>();
  const placeOf = ({ roles }: PlannedSeed) => {
    const list = JSON.stringify(roles);
    const place = lists.get(list) ?? lists.size;
    lists.set(list, place);
    return place;
  };
  const rows = seeds.map((seed) => ({ ...seed, roles: placeOf(seed) }));
  await tx.execute(sql`
    with known as materialized (select ${jsonb(`[${[...lists.keys()].join()}]`)} as lists)
    insert into rolecall.seed (run, tenant, email, label, roles, on_missing, mode, ordinal)
    select ${run}, tenant, email, label, lists -> roles, "onMissing", mode, ordinal
    from known, jsonb_to_recordset(${jsonb(JSON.stringify(rows))})
      as s(tenant text, email text, label text, roles int, "onMissing" text, mode text, ordinal int)`);
}

/** As bytes: a text is escaped letter by letter (MikroORM: escapeLiteral), and each letter of it takes 32 bytes meanwhile. */
function jsonb(json: string) {
  return sql`convert_from(${Buffer.from(json)}, 'UTF8')::jsonb`;
}

function countSeeds({ tenants }: Manifest): number {
  return tenants.reduce((sum, { seeds }) => sum + seeds.length, 0);
}

const SEEDS_PER_STATEMENT = 1_000; // measured: 5,000 are no faster, and larger buffers take more memory

function* chunksOf(seeds: Iterable<PlannedSeed>): Generator<PlannedSeed[]> {
  let chunk: PlannedSeed[] = [];
  for (const seed of seeds) {
    if (chunk.push(seed) < SEEDS_PER_STATEMENT) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
