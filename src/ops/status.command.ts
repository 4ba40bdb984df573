import { z } from 'zod';
import { ManifestName, ReleaseId, TenantId } from '#shared/contract/ids.ts';
import { SEED_STATES } from '#shared/contract/seed-state.ts';
import { defineCommand } from '#shared/runtime/command.ts';

export const statusCommand = defineCommand({
  summary: 'every seed with its state, reason, attempts and next attempt',
  options: [
    { flags: '--name <manifest>', help: 'the name of the manifest, where several are current' },
    { flags: '--release <id>', help: 'default: ROLECALL_RELEASE, else the current release' },
    { flags: '--tenant <id>', help: 'only the seeds of this tenant' },
    { flags: '--state <state>', help: `only the seeds in this state: ${SEED_STATES.join(', ')}` },
    { flags: '--emails', help: 'show emails, not their masked labels' },
    { flags: '--json', help: 'print JSON' },
  ],
  parse: z.object({
    name: ManifestName.optional(),
    release: ReleaseId.optional(),
    tenant: TenantId.optional(),
    state: z.enum(SEED_STATES).optional(),
    emails: z.boolean().default(false),
    json: z.boolean().default(false),
  }),
  async run(options, io) {
    const { printStatus } = await import('./print-status.ts');
    return printStatus(options, io);
  },
});
