import { once } from 'node:events';
import { z } from 'zod';
import { ReleaseId } from '#shared/contract/ids.ts';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { describe, remarksOn } from './producer/produce.command.ts';

export const upCommand = defineCommand({
  summary: 'produce, work and ops in one process, until SIGTERM',
  options: [{ flags: '--release <id>', help: 'the id of this deploy (default: ROLECALL_RELEASE, else a fresh one)' }],
  parse: z.object({ release: ReleaseId.optional() }),
  async run({ release }, { env, log, signal, say }) {
    const { startUp } = await import('./up.ts');
    await using up = await startUp({ env, log, signal, release });
    for (const line of [describe(up.produced), ...remarksOn(up.produced)]) say(line);
    if (!signal.aborted) await once(signal, 'abort');
    log.info('stopping');
    return EXIT.ok;
  },
});
