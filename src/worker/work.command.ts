import { once } from 'node:events';
import { z } from 'zod';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { parseWorkerConfig } from './worker-config.ts';

export const workCommand = defineCommand({
  summary: 'workers only: take jobs, ask Cognito, write grants, until SIGTERM',
  options: [],
  parse: z.object({}),
  async run(_, { env, log, signal }) {
    const config = parseWorkerConfig(env);
    const { startWorkerApp } = await import('./worker-app.ts');
    await using app = await startWorkerApp({ config, log, signal });
    if (!signal.aborted) await once(signal, 'abort');
    log.info({ url: app.url }, 'stopping');
    return EXIT.ok;
  },
});
