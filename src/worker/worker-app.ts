import { sql } from '@mikro-orm/postgresql';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { TenantId } from '#shared/contract/ids.ts';
import { openLedger } from '#shared/ledger/ledger.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import { waitForSchema } from '#shared/ledger/wait-for-schema.ts';
import { askQueue, KEEP_FINISHED, nameQueue, openQueue, queueSchemaVersion } from '#shared/queue/open-queue.ts';
import { describeError, type Log } from '#shared/runtime/logger.ts';
import { createProbeServer, listen, type Check } from '#shared/runtime/probe-server.ts';
import { waitUntilReachable } from '#shared/runtime/wait-until-reachable.ts';
import { createCognitoClients } from './cognito/cognito-clients.ts';
import { createCognitoDirectory } from './cognito/cognito-directory.ts';
import { createCognitoRequests } from './cognito/cognito-requests.ts';
import type { UserDirectory, UserPool } from './cognito/user-directory.ts';
import { compactTally } from './upkeep/compact-tally.ts';
import { createSeedConsumer, startConsuming, stopConsuming } from './consume.ts';
import { watchConsumption } from './consumption-watch.ts';
import { createSeedGranter, verifyGrants } from './grant-seed.ts';
import { classifyDatabaseError } from './grants/database-errors.ts';
import { createGrantsDatabases } from './grants/grants-databases.ts';
import { createGrantStores } from './grants/grant-stores.ts';
import { holdBack } from './hold-back.ts';
import { failed } from './outcome.ts';
import { createDatabaseGuard } from './pacing/database-guard.ts';
import { createDomainBudgets } from './pacing/domain-budgets.ts';
import { budgetOf } from './pacing/pacing-budget.ts';
import { createPoolGuard } from './pacing/pool-guard.ts';
import { openSlotBook } from './pacing/open-slot-book.ts';
import { createSlots } from './pacing/slots.ts';
import { wakeParked } from './pacing/wake-parked.ts';
import { wakeStranded } from './pacing/wake-stranded.ts';
import { createWalkedTenants } from './pacing/walked-tenants.ts';
import { provisionSeed, type ProvisionDeps } from './provision-seed.ts';
import { pruneJobs } from './upkeep/prune-jobs.ts';
import { pruneSeeds } from './upkeep/prune-seeds.ts';
import { missingRights } from './ledger-rights.ts';
import { createVerdictRecorder } from './record-verdict.ts';
import { reconcile } from './upkeep/reconcile.ts';
import { resolveSeed } from './resolve-seed.ts';
import { slowDownThrottled } from './slow-down-throttled.ts';
import { startPeriodic } from './upkeep/start-periodic.ts';
import { startWaking } from './start-waking.ts';
import { createSeedTaker } from './take-seed.ts';
import { clearTenantFault, recordTenantFault } from './tenant-fault.ts';
import { createUsedUpQuotas } from './used-up-quotas.ts';
import type { WorkerConfig } from './worker-config.ts';
import { createDemandCount } from './walks/count-demand.ts';
import { createPoolWalks } from './walks/pool-walks.ts';
import { createSeenUsers } from './walks/seen-users.ts';
import { createWalkBook } from './walks/walk-book.ts';
import { createWorkerMetrics } from './worker-metrics.ts';

export interface WorkerAppDeps {
  readonly config: WorkerConfig;
  readonly log: Log;
  /** A registry of the process that this worker shares; without one it opens a probe server of its own. */
  readonly metrics?: Registry;
  /** Tests hand in another one. */
  readonly directory?: UserDirectory;
  readonly signal?: AbortSignal;
}

export interface WorkerApp extends AsyncDisposable {
  /** Of the probe server; `null` where the process has another one. */
  readonly url: string | null;
  readonly live: Readonly<Record<string, Check>>;
}

/** How long to wait for what starts beside us. Afterwards a worker outlives any outage. */
const BOOT_BOUND_MS = 10_000;
/** A producer that starts beside us migrates first; it may wait for its own database for a while. */
const SCHEMA_BOUND_MS = 120_000;
/** Nothing is asked while this worker walks nowhere. */
const WALK_ON_EVERY_MS = 250;
const RECONCILE_EVERY_MS = 15_000;
/** What it finds is left over from a worker that died, so seconds matter as little as in a rollout. */
const STRANDED_EVERY_MS = 30_000;
/** As often as a quota that is used up is asked, by default. Nothing is done while none is. */
const TELL_EVERY_MS = 1_000;
/** A gate adds up what was written since: some hundred rows of a busy worker, in some tenths of a millisecond. */
const COMPACT_EVERY_MS = 2_000;
const PRUNE_EVERY_MS = 60_000;

/**
 * Composition root of `work`: the one function that knows every concrete thing, and in which order they start. They
 * are released in reverse, also when starting fails half-way: stop taking jobs, stop answering probes, close the ledger.
 */
export async function startWorkerApp(deps: WorkerAppDeps): Promise<WorkerApp> {
  const { config, log, signal } = deps;
  await using opened = new AsyncDisposableStack();
  const metrics = deps.metrics ?? new Registry();
  const { settled, observeCognito, answered } = createWorkerMetrics(metrics);

  const ledger = opened.use(await openLedger({ ...config.ledger, connectionName: 'rolecall-work' }));
  const em = () => ledger.em.fork();
  const askLedger = () => em().execute(sql`select 1`);
  const boot = { boundMs: BOOT_BOUND_MS, ...(signal && { signal }) };
  await waitUntilReachable(askLedger, { what: 'PostgreSQL (DATABASE_URL)', ...boot });
  await waitForSchema(ledger, {
    queueSchemaVersion: queueSchemaVersion(config.queue),
    alsoMissing: missingRights,
    boundMs: SCHEMA_BOUND_MS,
    waiting: (problem) => log.info({ problem }, 'waiting'),
    ...(signal && { signal }),
  });
  const clients = opened.use(createCognitoClients(config));
  const databases = opened.use(createGrantsDatabases({ ledgerUrl: config.ledger.url, urlOf: config.databaseUrl }));
  const queue = opened.use(openQueue(config.queue));
  const execute = await runPrepared(ledger);
  const book = opened.use(openSlotBook(config.queue, em, execute));
  const queueName = nameQueue(config.queue);
  await waitUntilReachable(() => askQueue(queue), { what: queueName, ...boot });
  await waitUntilReachable(() => book.upNext(), { what: queueName, ...boot }); // by scripts, which want rights of their own

  const stores = createGrantStores(Date.now);
  const granting = { execute, ledger: ledger.em, databases, stores };
  const slots = createSlots(book, createDomainBudgets({ em, now: Date.now }), Date.now);
  const guard = createPoolGuard({ concurrency: config.concurrency, now: Date.now });
  const databaseGuard = createDatabaseGuard({
    siteOf: databases.siteOf,
    concurrency: config.concurrency,
    now: Date.now,
  });
  const usedUp = createUsedUpQuotas(em);
  const throttled = slowDownThrottled(guard, slots, usedUp);
  const requests = createCognitoRequests({ clients, pace: slots.pace, observe: observeCognito, throttled });
  const directory = deps.directory ?? createCognitoDirectory({ requests, answered });
  const count = createDemandCount({ em, now: Date.now });
  const walkedTenants = createWalkedTenants();
  const failedRound = (what: string) => (error: unknown) =>
    log.warn({ cause: describeError(error) }, `${what} failed; the next round tries again`);
  const waking = opened.use(
    startWaking({
      wake: () => wakeParked({ em: em(), queue, book, walked: walkedTenants }),
      failed: failedRound('waking who waits'),
    }),
  );
  const walked = (pool: UserPool, tenants: ReadonlySet<TenantId>) => {
    walkedTenants.add(domainOf(pool, pool.lookup), tenants);
    waking.hurry();
  };
  const walkBook = createWalkBook(em, execute);
  const seen = createSeenUsers(em, execute);
  const walks = opened.use(
    createPoolWalks({ requests, book: walkBook, seen, count, domainOf, answered, walked, now: Date.now }),
  );
  const resolving = { walks, directory, guard, slots };
  const resolve: ProvisionDeps['resolve'] = (seed, attempt) => resolveSeed(resolving, seed, attempt);
  const enterDatabase: ProvisionDeps['enterDatabase'] = ({ grants }) => databaseGuard.enter(grants);
  const guarding = { enterDatabase, holdBack: holdBack.bind(null, slots) };
  const verify: ProvisionDeps['verify'] = (seed) => verifyGrants(granting, seed);
  const grant = createSeedGranter(granting);
  const tenantFaults: ProvisionDeps['tenantFaults'] = {
    record: (seed, fault) => recordTenantFault(em(), seed, fault),
    clear: (seed) => clearTenantFault(em(), seed),
  };
  const takeSeed = createSeedTaker(ledger.em, execute);
  const worker = createSeedConsumer({
    target: config.queue,
    concurrency: config.concurrency,
    timing: config.timing,
    handle: async (job, attempt) => {
      const seed = await takeSeed(job);
      return seed && provisionSeed({ ...guarding, resolve, verify, grant, tenantFaults }, seed, attempt);
    },
    unforeseen: (error) => failed(classifyDatabaseError(error), error),
    record: createVerdictRecorder(ledger.em),
    park: async (domain, { run, seedId, tenant }) => {
      await book.park({ domain, run, seedId, tenant });
      waking.hurry();
    },
    settled,
    now: Date.now,
    log,
  });

  const consumption = opened.use(watchConsumption(worker, queue, Date.now));
  const live = { consumption: consumption.problem };
  const url = deps.metrics === undefined ? await serveProbes() : null;

  const periodically = (everyMs: number, what: string, work: (signal: AbortSignal) => Promise<void>) =>
    opened.use(startPeriodic({ pauseMs: () => everyMs, work, failed: failedRound(what) }));
  periodically(WALK_ON_EVERY_MS, 'walking through pools', () => walks.goOn());
  periodically(RECONCILE_EVERY_MS, 'reconciling', async () => {
    const found = await reconcile(em(), queue);
    if (found !== null && found.added + found.retried > 0) log.warn(found, 'jobs put back into the queue');
  });
  periodically(STRANDED_EVERY_MS, 'looking for who is not woken', async () => {
    const woken = await wakeStranded({ em: em(), queue, book });
    if (woken > 0) log.warn({ woken }, 'jobs brought forward that nobody would have woken');
  });
  periodically(TELL_EVERY_MS, 'telling who waits for a quota that is used up', async (stopping) => {
    const seeds = await usedUp.tell(stopping);
    if (seeds > 0) log.warn({ seeds, reason: 'throttled' }, 'a quota is used up: who waits for it is tried again');
  });
  periodically(COMPACT_EVERY_MS, 'compacting the tally', () => compactTally(em()));
  periodically(PRUNE_EVERY_MS, 'pruning', async (stopping) => {
    const seeds = await pruneSeeds(em(), config.retentionDays, stopping);
    if (seeds > 0) log.info({ seeds }, 'seeds of old runs pruned');
    await pruneJobs(em(), queue, KEEP_FINISHED, stopping);
    await seen.prune();
    await walkBook.prune();
  });
  opened.defer(() => stopConsuming(worker, config.shutdownTimeoutMs)); // first of all: a round may take its time to end
  startConsuming(worker, log);
  log.info({ concurrency: config.concurrency, queue: config.queue.kind }, 'consuming');

  const owned = opened.move(); // from here on the caller owns it all
  return { url, live, [Symbol.asyncDispose]: () => owned.disposeAsync() };

  async function serveProbes(): Promise<string> {
    collectDefaultMetrics({ register: metrics });
    const ready = {
      ledger: answers(askLedger),
      queue: answers(() => askQueue(queue)),
    };
    const server = createProbeServer({ live, ready, metrics });
    opened.defer(() => server.close());
    return listen(server, config.http, log);
  }
}

function domainOf(...request: Parameters<typeof budgetOf>): string {
  return budgetOf(...request).domain;
}

function answers(ask: () => Promise<unknown>): Check {
  return () =>
    ask().then(
      () => null,
      () => 'does not answer',
    );
}
