import { z } from 'zod';
import { Email, ManifestName, ReleaseId, TenantId } from '#shared/contract/ids.ts';
import { REASON_CODES } from '#shared/contract/reasons.ts';
import { defineCommand } from '#shared/runtime/command.ts';

export const replayCommand = defineCommand({
  summary: 'put blocked seeds back to work, also those whose job is gone from the queue',
  options: [
    { flags: '--name <manifest>', help: 'only of this manifest (default: of every current one)' },
    { flags: '--release <id>', help: 'of the latest run of this release (default: of the current run)' },
    { flags: '--tenant <id>', help: 'only the seeds of this tenant' },
    { flags: '--email <email>', help: 'only the seeds with this email' },
    { flags: '--reason <code>', help: 'only the seeds that are blocked for this reason' },
    { flags: '--all', help: 'every blocked seed' },
    { flags: '--json', help: 'print JSON' },
  ],
  parse: z
    .object({
      name: ManifestName.optional(),
      release: ReleaseId.optional(),
      tenant: TenantId.optional(),
      email: Email.optional(),
      reason: z.enum(REASON_CODES).optional(),
      all: z.boolean().default(false),
      json: z.boolean().default(false),
    })
    .refine(
      ({ tenant, email, reason, all }) => all !== [tenant, email, reason].some((selector) => selector !== undefined),
      { path: ['all'], error: 'say which seeds: --tenant, --email or --reason (or several of them), else --all' },
    ),
  async run(options, io) {
    const { replayBlocked } = await import('./replay-blocked.ts');
    return replayBlocked(options, io);
  },
});
