import { z } from 'zod';
import { httpEnv, ledgerEnv, parseEnv, whole, type Env } from '#shared/config/env.ts';
import { urlOfVariable, type UrlOfVariable } from '#shared/config/postgres-url.ts';
import type { LedgerTarget } from '#shared/ledger/ledger.ts';
import { queueTarget, RedisUrl, type QueueTarget } from '#shared/queue/queue-target.ts';
import type { HttpTarget } from '#shared/runtime/probe-server.ts';
import type { Timing } from './consume.ts';

export interface WorkerConfig {
  readonly ledger: LedgerTarget;
  readonly queue: QueueTarget;
  readonly http: HttpTarget;
  readonly concurrency: number;
  readonly timing: Timing;
  readonly shutdownTimeoutMs: number;
  /** How long the seeds of a superseded run are kept. */
  readonly retentionDays: number;
  readonly stsEndpointIsConfigured: boolean;
  /** AWS is asked through the proxies that are named here; `undefined`: through none. */
  readonly proxyEnv: Env | undefined;
  /** The database URL in the variable of this name. */
  databaseUrl(name: string): UrlOfVariable;
}

export const workerEnv = {
  ...ledgerEnv,
  ...httpEnv,
  REDIS_URL: RedisUrl.optional(),
  ROLECALL_CONCURRENCY: whole({ from: 1, to: 200, byDefault: 10 }),
  ROLECALL_RETRY_BASE_MS: whole({ from: 1, to: 3_600_000, byDefault: 1_000 }),
  ROLECALL_RETRY_CAP_MS: whole({ from: 1, to: 86_400_000, byDefault: 300_000 }),
  ROLECALL_MISSING_RECHECK_MS: whole({ from: 1, to: 3_600_000, byDefault: 3_000 }),
  ROLECALL_WAITING_RECHECK_MS: whole({ from: 1, to: 86_400_000, byDefault: 60_000 }),
  ROLECALL_SHUTDOWN_TIMEOUT_MS: whole({ from: 0, to: 3_600_000, byDefault: 20_000 }),
  // Not 0: the release that is being replaced still serves, and its pods still ask for its gate.
  ROLECALL_RETENTION_DAYS: whole({ from: 1, to: 3650, byDefault: 30 }),
  NODE_USE_ENV_PROXY: z.string().optional(),
  AWS_ENDPOINT_URL: z.string().optional(),
  AWS_ENDPOINT_URL_STS: z.string().optional(),
};

export function parseWorkerConfig(env: Env): WorkerConfig {
  const parsed = parseEnv(workerEnv, env, isBaseAboveCap);
  return {
    // Batches need a handful; with a database per tenant each batch of grants needs one. Some are left for the reconciler,
    // the probes and the metrics.
    ledger: { url: parsed.DATABASE_URL, maxConnections: Math.min(parsed.ROLECALL_CONCURRENCY, 20) + 3 },
    queue: queueTarget(parsed.REDIS_URL, parsed.DATABASE_URL),
    http: { host: parsed.HOST, port: parsed.PORT },
    concurrency: parsed.ROLECALL_CONCURRENCY,
    timing: {
      backoff: {
        baseMs: parsed.ROLECALL_RETRY_BASE_MS,
        capMs: parsed.ROLECALL_RETRY_CAP_MS,
        random: Math.random,
      },
      recheckMs: parsed.ROLECALL_MISSING_RECHECK_MS,
      waitMs: parsed.ROLECALL_WAITING_RECHECK_MS,
    },
    shutdownTimeoutMs: parsed.ROLECALL_SHUTDOWN_TIMEOUT_MS,
    retentionDays: parsed.ROLECALL_RETENTION_DAYS,
    stsEndpointIsConfigured: (parsed.AWS_ENDPOINT_URL_STS ?? parsed.AWS_ENDPOINT_URL) !== undefined,
    proxyEnv: parsed.NODE_USE_ENV_PROXY === '1' ? env : undefined, // as Node itself understands it
    databaseUrl: readOnce((name) => urlOfVariable(env[name])),
  };
}

const Retries = z.object(workerEnv).pick({ ROLECALL_RETRY_BASE_MS: true, ROLECALL_RETRY_CAP_MS: true });

function isBaseAboveCap(present: Env): string | null {
  const { data } = Retries.safeParse(present);
  const isAbove = data !== undefined && data.ROLECALL_RETRY_BASE_MS > data.ROLECALL_RETRY_CAP_MS;
  return isAbove ? 'ROLECALL_RETRY_BASE_MS: is above ROLECALL_RETRY_CAP_MS' : null;
}

/** Each batch of grants asks; a process keeps its environment. */
function readOnce<Value>(read: (name: string) => Value): (name: string) => Value {
  const known = new Map<string, { readonly value: Value }>();
  return (name) => {
    const entry = known.get(name) ?? { value: read(name) };
    known.set(name, entry);
    return entry.value;
  };
}
