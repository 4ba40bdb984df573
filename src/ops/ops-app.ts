import { sql } from '@mikro-orm/postgresql';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { openLedger } from '#shared/ledger/ledger.ts';
import { waitForSchema } from '#shared/ledger/wait-for-schema.ts';
import { askQueue, openQueue, queueSchemaVersion } from '#shared/queue/open-queue.ts';
import { describeError, type Log } from '#shared/runtime/logger.ts';
import { createProbeServer, listen, type Check } from '#shared/runtime/probe-server.ts';
import { waitUntilReachable } from '#shared/runtime/wait-until-reachable.ts';
import { mountBoard } from './board/board.ts';
import { addGateRoute } from './gate-route.ts';
import { ANSWER_WITHIN_MS, inTime } from './gate/in-time.ts';
import type { OpsConfig } from './ops-config.ts';
import { addOpsMetrics } from './ops-metrics.ts';
import { addPageRoute } from './page/page-route.ts';

export interface OpsAppDeps {
  readonly config: OpsConfig;
  readonly log: Log;
  /** A registry that other parts of the process fill too. */
  readonly metrics?: Registry;
  /** Checks of other parts of the process, beside those of the ledger and the queue. */
  readonly live?: Readonly<Record<string, Check>>;
  readonly ready?: Readonly<Record<string, Check>>;
  readonly signal?: AbortSignal;
}

export interface OpsApp extends AsyncDisposable {
  readonly url: string;
}

const DATABASE_BOUND_MS = 10_000;
/** A producer that starts beside us migrates first, after it has waited for its own database. */
const SCHEMA_BOUND_MS = 120_000;

/**
 * Composition root of `ops`: what is opened here is released in reverse, also when starting fails half-way. Redis may be
 * away: `/readyz` says so, and the queue recovers by itself. A queue on PostgreSQL must not be opened before its tables.
 */
export async function startOpsApp({ config, log, live = {}, ready = {}, ...deps }: OpsAppDeps): Promise<OpsApp> {
  const signal = deps.signal ? { signal: deps.signal } : {};
  await using opened = new AsyncDisposableStack();

  const ledger = opened.use(await openLedger({ ...config.ledger, statementTimeoutMs: ANSWER_WITHIN_MS }));
  const em = () => ledger.em.fork();
  const askLedger = () => inTime(em().execute(sql`select 1`));
  await waitUntilReachable(askLedger, { what: 'PostgreSQL', boundMs: DATABASE_BOUND_MS, ...signal });
  // With Redis there is nothing to wait for: before the first release the gate is unknown, and whoever asks is told why.
  if (config.queue.kind === 'postgres') {
    await waitForSchema(ledger, {
      queueSchemaVersion: queueSchemaVersion(config.queue),
      boundMs: SCHEMA_BOUND_MS,
      waiting: (problem) => log.info({ problem }, 'waiting'),
      ...signal,
    });
  }
  const queue = opened.use(openQueue(config.queue));

  const metrics = deps.metrics ?? new Registry();
  if (metrics.getSingleMetric('process_start_time_seconds') === undefined) collectDefaultMetrics({ register: metrics });
  addOpsMetrics(metrics, em);

  const checks = { ledger: answers(askLedger), queue: answers(() => askQueue(queue)), ...ready };
  const server = createProbeServer({ live, ready: checks, metrics });
  opened.defer(() => server.close());
  server.setErrorHandler((error: unknown, request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500; // Fastify's own, for what a client got wrong
    if (status < 500) return reply.code(status).send({ error: 'the request cannot be read' });
    log.error({ route: request.routeOptions.url, cause: describeError(error) }, 'request failed');
    return reply.code(500).send({ error: 'unexpected; see the log' });
  });
  addGateRoute(server, { em, release: config.release });
  addPageRoute(server, { em, release: config.release, board: config.board });
  if (config.board.kind === 'none') log.warn('no board: it needs a login, or a loopback HOST');
  else mountBoard(server, queue, config.board);
  const url = await listen(server, config.http, log);

  const owned = opened.move(); // from here on the caller owns it all
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function answers(ask: () => Promise<unknown>): Check {
  return () =>
    ask().then(
      () => null,
      () => 'does not answer',
    );
}
