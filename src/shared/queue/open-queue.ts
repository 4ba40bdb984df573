import {
  createPostgresBackend,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  Queue,
  withBackend,
  Worker,
  type Job,
  type QueueOptions,
  type WorkerOptions,
} from 'bullmq';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { QUEUE_PREFIX, SEED_QUEUE } from '#shared/contract/seed-job.ts';
import { redisErrorCode } from '#shared/errors/redis-error-code.ts';
import { openQueuePool } from './queue-pool.ts';
import type { QueueTarget } from './queue-target.ts';

const onPostgres = withBackend(createPostgresBackend);
/** Of each pool to a queue in PostgreSQL; a worker's has one more, which listens. */
const CONNECTIONS = 5;

export interface SeedQueue extends Queue<unknown, string>, AsyncDisposable {
  /** Why nothing may be done with it until this process starts anew, though its server answers. */
  refusal: Error | null;
}
export type SeedWorker = Worker<unknown, string>;
export type Process = (job: Job<unknown, string>, token?: string, signal?: AbortSignal) => Promise<string>;
type RedisTarget = Exclude<QueueTarget, { kind: 'postgres' }>;
type RedisConnection = NonNullable<QueueOptions['connection']>;

const isDemoted = ({ message }: Error) => redisErrorCode(message) === 'READONLY';

/**
 * A producer and the board report an absent Redis at once, they do not hang on it, nor on a master that was demoted. Nor on one
 * that falls silent: a thousand jobs are added in a tenth of a second.
 */
const PRODUCING = {
  maxRetriesPerRequest: 1,
  commandTimeout: 10_000,
  reconnectOnError: (error: Error) => (isDemoted(error) ? 1 : false), // what comes next is for the new master
  retryStrategy: () => 200,
  connectTimeout: 5_000,
} satisfies RedisOptions;
/** A worker's own small questions: they fail, rather than hold up a job. */
const ASIDE = { ...PRODUCING, commandTimeout: 2_000, enableAutoPipelining: true } satisfies RedisOptions;
/** A worker outlives restarts and failovers. Without `reconnectOnError` a demoted master makes it spin. */
const CONSUMING = {
  maxRetriesPerRequest: null,
  reconnectOnError: (error: Error) => (isDemoted(error) ? 2 : false), // and asks again there
  retryStrategy: (times: number) => Math.min(200 * times, 2_000),
  connectTimeout: 5_000,
} satisfies RedisOptions;

/** The caller disposes of it. PostgreSQL must already answer: a queue built without it stays dead. */
export function openQueue(target: QueueTarget): SeedQueue {
  if (target.kind === 'postgres') {
    const pool = openQueuePool({ url: target.url, max: CONNECTIONS });
    const queue = new onPostgres.Queue(SEED_QUEUE, { connection: pool });
    return disposable(queue as unknown as Queue<unknown, string>, () => end(pool)); // types differ, methods do not
  }
  const options = redis(target, PRODUCING);
  const connection = options instanceof Cluster ? impatient(options, PRODUCING.commandTimeout) : options;
  return disposable(new Queue(SEED_QUEUE, { connection, prefix: QUEUE_PREFIX }), () => disconnect(connection));
}

/** For what is kept beside the queue; commands fail rather than wait. The caller disconnects it. */
export function connectRedis(target: RedisTarget): Redis | Cluster {
  const connection = redis(target, ASIDE);
  const client = connection instanceof Cluster ? impatient(connection, ASIDE.commandTimeout) : new Redis(connection);
  client.on('error', () => {}); // what fails is told by the command that fails
  return client;
}

/** On its own a cluster counts the time only from when a node has the command; while none answers, that would wait for ever. */
function impatient(cluster: Cluster, timeoutMs: number): Cluster {
  const send = cluster.sendCommand.bind(cluster);
  cluster.sendCommand = (command, ...to) => {
    command.setTimeout(timeoutMs);
    return send(command, ...to);
  };
  return cluster;
}

/** What BullMQ must have migrated PostgreSQL to before a queue is opened on it; `null`: Redis needs nothing. */
export function queueSchemaVersion(target: QueueTarget): number | null {
  return target.kind === 'postgres' ? LATEST_SCHEMA_VERSION : null;
}

/** The caller closes it; the same holds for PostgreSQL. */
export function createSeedWorker(
  target: QueueTarget,
  process: Process,
  options: Omit<WorkerOptions, 'connection'>,
): SeedWorker {
  const run: Process = (job, token, signal) => process(job, token, signal); // only three parameters get a signal
  if (target.kind === 'postgres') {
    const pool = openQueuePool({ url: target.url, max: CONNECTIONS + 1, ofWorker: true });
    const worker = new onPostgres.Worker(SEED_QUEUE, run, {
      ...options,
      connection: pool,
      runRetryDelay: 2_000, // by default a worker idles for 15 s after a lost connection
    }) as unknown as SeedWorker;
    worker.on('closed', () => end(pool));
    return worker;
  }
  const connection = redis(target, CONSUMING);
  const worker: SeedWorker = new Worker(SEED_QUEUE, run, {
    ...options,
    connection,
    prefix: QUEUE_PREFIX,
    removeOnComplete: KEEP_FINISHED,
  });
  worker.on('closed', () => disconnect(connection));
  return worker;
}

/**
 * Completed jobs are for people to look at: a week, and not more than this many. BullMQ sees to it only on Redis: on
 * PostgreSQL its trimming costs half of the throughput and deadlocks, so the workers prune. In seconds.
 */
export const KEEP_FINISHED = { age: 7 * 24 * 3600, count: 20_000 };

function disposable(queue: Queue<unknown, string>, release: () => void): SeedQueue {
  const owned = Object.assign(queue, {
    refusal: null as Error | null,
    [Symbol.asyncDispose]: () => close(queue, release),
  });
  // What fails is told by the call that fails, but for this; without a listener an idle drop would crash.
  queue.on('error', (error) => {
    if (/^ERR (DB index|invalid DB index)/i.test(error.message)) owned.refusal = new NoSuchDatabase();
  });
  return owned;
}

/** ioredis goes on in database 0, which may be that of another ledger, whose jobs would be taken. */
class NoSuchDatabase extends Error {
  override readonly name = 'NoSuchDatabase';
  readonly code = 'ERR_DB_INDEX';
}

/** Bounded: with Redis away, BullMQ's own close waits for it. */
async function close(queue: Queue<unknown, string>, release: () => void): Promise<void> {
  const closed = queue.close().catch(() => {});
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
  release();
}

/** BullMQ closes what it opened from options; a cluster's client is ours. */
function disconnect(connection: RedisConnection): void {
  if (connection instanceof Cluster) connection.disconnect();
}

/** The same holds for a pool. In the background: a connection that hangs is given up by its server only. */
function end(pool: PgPool): void {
  pool.end().catch(() => {}); // it was ended already
}

const ANSWER_WITHIN_MS = 5_000;

/**
 * Throws when the queue does not answer: one small read that both backends have. While Redis cannot be reached the read
 * stays pending and the reason comes as an event, so the first of the two counts.
 */
export async function askQueue(queue: SeedQueue): Promise<void> {
  const failing = new AbortController();
  const fail = (error: Error) => failing.abort(queue.refusal ?? error); // whoever notes that was here first
  queue.once('error', fail);
  const signal = AbortSignal.any([failing.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
  try {
    await Promise.race([
      queue.isPaused(),
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))), // an Error in both cases
    ]);
    if (queue.refusal !== null) throw queue.refusal;
  } finally {
    queue.off('error', fail);
  }
}

/** For messages: which queue, by the variable that names it. */
export function nameQueue({ kind }: QueueTarget): string {
  return kind === 'postgres' ? 'the queue in PostgreSQL (DATABASE_URL)' : 'Redis (REDIS_URL)';
}

/** Options and not a URL, so that no error of a driver can quote a password. */
function redis(target: RedisTarget, options: typeof PRODUCING | typeof CONSUMING | typeof ASIDE) {
  const { username, password, tls } = target;
  const login = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  };
  switch (target.kind) {
    case 'redis':
      return { ...target.node, db: target.db, ...login, ...options };
    case 'redis-sentinel':
      return {
        sentinels: [...target.sentinels],
        name: target.master,
        ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        ...login,
        ...options,
      };
    case 'redis-cluster':
      return new Cluster([...target.nodes], {
        redisOptions: { ...login, ...options },
        ...(tls && { dnsLookup: (address, callback) => callback(null, address) }), // certificates name hosts, not addresses
      });
    default:
      return target satisfies never;
  }
}
