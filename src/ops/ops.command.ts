import { once } from 'node:events';
import { z } from 'zod';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { parseOpsConfig } from './ops-config.ts';

export const opsCommand = defineCommand({
  summary: 'HTTP only: gate, page, board, probes and metrics, until SIGTERM',
  options: [],
  parse: z.object({}),
  async run(_, { env, log, signal }) {
    const config = parseOpsConfig(env);
    const { startOpsApp } = await import('./ops-app.ts');
    await using app = await startOpsApp({ config, log, signal });
    if (!signal.aborted) await once(signal, 'abort');
    log.info({ url: app.url }, 'stopping');
    return EXIT.ok;
  },
});
