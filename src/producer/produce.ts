import { randomUUID } from 'node:crypto';
import { ReleaseId, type ManifestName, type RunId } from '#shared/contract/ids.ts';
import type { Env } from '#shared/config/env.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import { findSuperseded } from '#shared/ledger/find-superseded.ts';
import { openLedger } from '#shared/ledger/ledger.ts';
import { askQueue, nameQueue, openQueue } from '#shared/queue/open-queue.ts';
import { removeFailedJobs } from '#shared/queue/remove-failed-jobs.ts';
import { UnreachableError, waitUntilReachable } from '#shared/runtime/wait-until-reachable.ts';
import { enqueueRun } from './enqueue-run.ts';
import { ManifestError } from './manifest/manifest-error.ts';
import { readManifest, type ManifestRead } from './manifest/read-manifest.ts';
import { BOOT_BOUND_MS, prepareDatabases, type DatabaseAway } from './prepare-databases.ts';
import { managedSchemas, type ProducerConfig } from './producer-config.ts';
import { recordRun, type RecordedRun } from './record-run.ts';

export interface ProduceOptions {
  readonly config: ProducerConfig;
  readonly env: Env;
  /** Before the environment's; without either, the release is named anew. */
  readonly release?: ReleaseId | undefined;
  readonly signal: AbortSignal;
}

export interface Produced extends RecordedRun {
  readonly name: ManifestName;
  readonly release: ReleaseId;
  readonly tenants: number;
  /** Seeds for which a job was asked for: those not settled and not blocked. */
  readonly enqueued: number;
  readonly databasesAway: readonly DatabaseAway[];
}

/** Manifest → ledger → jobs, in this order: a producer that dies in between is repaired by running it again. */
export async function produce(options: ProduceOptions): Promise<Produced> {
  await using opened = new AsyncDisposableStack();
  const { ledger, queue, recorded } = await recordManifest(options, opened);
  const enqueued = await enqueueRun(ledger.em.fork(), queue, recorded.run).catch(queueLost);
  const superseded = (runs: readonly RunId[]) => findSuperseded(ledger.em.fork(), runs);
  await removeFailedJobs(queue, { superseded, signal: options.signal }).catch(queueLost);
  return { ...recorded, enqueued };
}

/** Everything that needs the manifest: it is let go before the jobs are added, which need its memory. */
async function recordManifest({ config, env, release, signal }: ProduceOptions, opened: AsyncDisposableStack) {
  const { manifest, digest } = await readOrThrow(config.manifestPath, env);
  const managed = managedSchemas(manifest, env);
  const databasesAway = await prepareDatabases({ config, managed, roles: manifest.roles, signal });

  const ledger = opened.use(await openLedger({ url: config.ledgerUrl, maxConnections: 3 }));
  const queue = opened.use(openQueue(config.queue));
  await waitUntilReachable(() => askQueue(queue), { what: nameQueue(config.queue), boundMs: BOOT_BOUND_MS, signal });

  const named = release ?? config.release ?? ReleaseId.parse(randomUUID());
  const run = await recordRun(ledger.em.fork(), { manifest, digest, release: named });
  const recorded = { ...run, name: manifest.name, release: named, tenants: manifest.tenants.length, databasesAway };
  return { ledger, queue, recorded };
}

export async function readOrThrow(path: string, env: Env): Promise<Extract<ManifestRead, { kind: 'read' }>> {
  const read = await readManifest(path, env);
  if (read.kind === 'refused') throw new ManifestError(read.problems);
  return read;
}

/** The run is recorded, so whoever runs `produce` again adds what is missing, and the workers' reconciler does too. */
function queueLost(cause: unknown): never {
  throw new UnreachableError(
    `the queue was lost while jobs were added (${codeOf(cause)}); the release is recorded: run produce again with the same release id, or let the workers add what is missing`,
    { cause },
  );
}
