import { Registry } from 'prom-client';
import { parseTogether, type Env } from '#shared/config/env.ts';
import type { ReleaseId } from '#shared/contract/ids.ts';
import type { Log } from '#shared/runtime/logger.ts';
import { startOpsApp } from './ops/ops-app.ts';
import { parseOpsConfig } from './ops/ops-config.ts';
import { produce, type Produced } from './producer/produce.ts';
import { parseProducerConfig } from './producer/producer-config.ts';
import { startWorkerApp } from './worker/worker-app.ts';
import { parseWorkerConfig } from './worker/worker-config.ts';

export interface UpOptions {
  readonly env: Env;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly release?: ReleaseId | undefined;
}

export interface Up extends AsyncDisposable {
  /** Where the page, the board, the probes and the metrics are. */
  readonly url: string;
  readonly produced: Produced;
}

/** Produce, then ops and work in this process. The configuration of all three is read before anything happens. */
export async function startUp({ env, log, signal, release }: UpOptions): Promise<Up> {
  const { producing, working, serving } = parseTogether(env, {
    producing: parseProducerConfig,
    working: parseWorkerConfig,
    serving: parseOpsConfig,
  });
  await using opened = new AsyncDisposableStack();

  const produced = await produce({ config: producing, env, release, signal });
  const metrics = new Registry();
  const worker = opened.use(await startWorkerApp({ config: working, log, metrics, signal }));
  const served = { ...serving, release: release ?? serving.release };
  const ops = opened.use(await startOpsApp({ config: served, log, metrics, live: worker.live, signal }));

  const owned = opened.move();
  return { url: ops.url, produced, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
