import { once } from 'node:events';
import { z } from 'zod';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { parseWorkerConfig } from './worker-config.ts';
import { startWorkerApp } from './worker-app.ts';

export const workCommand = defineCommand({
  summary: 'workers only: take jobs, ask Cognito, write grants, until SIGTERM',
  options: [],
  parse: z.object({}),
  async run(_, { env, log, signal }) {
    await using app = await startWorkerApp({ config: parseWorkerConfig(env), log, signal });
    if (!signal.aborted) await once(signal, 'abort');
    log.info({ url: app.url }, 'stopping');
    return EXIT.ok;
  },
});
