import { z } from 'zod';
import { ManifestName, ReleaseId, TenantId } from '#shared/contract/ids.ts';
import { defineCommand } from '#shared/runtime/command.ts';
import { DEFAULT_TIMEOUT_S, isWaiting, NOT_WAITING, TIMEOUT_OPTION, waitShape } from '#shared/runtime/wait-options.ts';

export const gateCommand = defineCommand({
  summary: 'may this release serve? the exit code answers',
  options: [
    { flags: '--name <manifest>', help: 'the name of the manifest, where several are current' },
    { flags: '--release <id>', help: 'default: ROLECALL_RELEASE, else the current release' },
    { flags: '--tenant <id>', help: 'only the seeds of this tenant' },
    { flags: '--wait', help: 'ask until the gate is open or blocked' },
    TIMEOUT_OPTION,
    { flags: '--json', help: 'print JSON' },
  ],
  parse: z
    .object({
      name: ManifestName.optional(),
      release: ReleaseId.optional(),
      tenant: TenantId.optional(),
      ...waitShape,
      json: z.boolean().default(false),
    })
    .refine(isWaiting, NOT_WAITING),
  async run({ wait, timeout = DEFAULT_TIMEOUT_S, json, ...query }, { env, signal, out, say }) {
    const { waitForGate } = await import('./wait-for-gate.ts');
    return waitForGate({ env, query, timeoutS: wait ? timeout : 0, signal, out, say, json });
  },
});
