import { fileURLToPath } from 'node:url';
import { sql } from '@mikro-orm/postgresql';
import { LogLevel, parseEnv } from '#shared/config/env.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import { openLedger, type Ledger } from '#shared/ledger/ledger.ts';
import { createLogger } from '#shared/runtime/logger.ts';
import { UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { migrate } from '../src/producer/migrate.ts';
import { startUp, type Up, type UpOptions } from '../src/up.ts';
import { startEmulator } from './cognito/emulator.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { environmentToPaste } from './environment-to-paste.ts';
import { DEMO_POOL } from './demo-pool.ts';
import type { Scenario, Surroundings } from './scenarios/scenario.ts';

export interface RunningDemo extends AsyncDisposable {
  readonly up: Up;
  readonly ledger: Ledger;
  readonly where: Surroundings;
}

export interface DemoOptions {
  readonly scenario: Scenario;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  say(line: string): void;
}

/** Quick enough to watch: what an operator sees in minutes happens in seconds. */
const PACE = { ROLECALL_RETRY_BASE_MS: '500', ROLECALL_RETRY_CAP_MS: '2000', ROLECALL_MISSING_RECHECK_MS: '1000' };
const COGNITO_LATENCY_MS = 150;

/** PostgreSQL, Cognito, then everything that `up` starts. What is there already (DATABASE_URL, REDIS_URL) is used. */
export async function startDemo({ scenario, env, signal, say }: DemoOptions): Promise<RunningDemo> {
  const { LOG_LEVEL: level } = parseEnv({ LOG_LEVEL: LogLevel.default('silent') }, env); // before anything is started
  await using opened = new AsyncDisposableStack();
  const databaseUrl = env['DATABASE_URL'] || opened.use(await startEmbeddedPostgres({ prefix: 'rolecall-demo-' })).url;
  if (!env['DATABASE_URL'] && env['REDIS_URL']) await numberRunsAnew(databaseUrl);
  say(env['DATABASE_URL'] ? 'PostgreSQL: the one of DATABASE_URL' : 'PostgreSQL: embedded');
  say(env['REDIS_URL'] ? 'Queue: Redis, the one of REDIS_URL' : 'Queue: in PostgreSQL');
  const emulator = opened.use(await startEmulator({ pools: [DEMO_POOL], latencyMs: COGNITO_LATENCY_MS }));
  say(`Cognito: emulated at ${emulator.url}`);

  const demoEnv: Readonly<Record<string, string | undefined>> = {
    ...env,
    ...PACE,
    DATABASE_URL: databaseUrl,
    ROLECALL_MANIFEST: fileURLToPath(new URL('rolecall.yaml', import.meta.url)),
    ROLECALL_RELEASE: `demo-${Date.now()}`,
    DEMO_COGNITO_URL: emulator.url,
  };
  scenario.prepare(emulator);
  const log = createLogger(level);
  const up = opened.use(await startOnSomePort({ env: demoEnv, log, signal }));
  const ledger = opened.use(await openLedger({ url: databaseUrl, maxConnections: 2 }));

  const owned = opened.move();
  return {
    up,
    ledger,
    where: { emulatorUrl: emulator.url, pageUrl: up.url, ...environmentToPaste(env, databaseUrl) },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** On the usual port, or on any when another demo has that one. A port that was asked for is taken or refused. */
async function startOnSomePort(options: UpOptions): Promise<Up> {
  try {
    return await startUp(options);
  } catch (error) {
    const taken = error instanceof UnreachableError && codeOf(error.cause) === 'EADDRINUSE';
    if (!taken || options.env['PORT']) throw error;
    return startUp({ ...options, env: { ...options.env, PORT: '0' } });
  }
}

/** A ledger that begins at run 1 would meet the jobs of the last demo in a Redis that outlived it. */
async function numberRunsAnew(url: string): Promise<void> {
  await migrate({ ledgerUrl: url, queue: { kind: 'postgres', url }, managed: [], roles: [] });
  await using ledger = await openLedger({ url, maxConnections: 1 });
  await ledger.em.fork().execute(sql`select setval('rolecall.release_run_seq', extract(epoch from now())::bigint)`);
}
