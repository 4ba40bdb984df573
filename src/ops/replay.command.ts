import { z } from 'zod';
import { Email, ManifestName, ReleaseId, TenantId, type RunId } from '#shared/contract/ids.ts';
import { REASON_CODES } from '#shared/contract/reasons.ts';
import { openLedger } from '#shared/ledger/ledger.ts';
import { isNotMigrated } from '#shared/ledger/applied-migrations.ts';
import { askQueue, openQueue } from '#shared/queue/open-queue.ts';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { unreachable } from '#shared/runtime/wait-until-reachable.ts';
import { findRuns } from './gate/gate-counts.ts';
import { inTime } from './gate/in-time.ts';
import { hasTenant } from './has-tenant.ts';
import { parseReplayConfig } from './ops-config.ts';
import { replaySeeds, type Replayed } from './replay-seeds.ts';

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
  async run({ name, release, tenant, email, reason, json }, { env, out, say }) {
    const config = parseReplayConfig(env);
    await using ledger = await openLedger(config.ledger);
    const found = await inTime(findRuns(ledger.em.fork(), { name, release })).catch((error: unknown) => {
      return isNotMigrated(error) ? [] : ledgerLost(error);
    });
    const runs = found.map(({ run }) => run);
    if (tenant !== undefined && !(await inTime(hasTenant(ledger.em.fork(), runs, tenant)).catch(ledgerLost))) {
      say(`no seeds of the tenant ${tenant}`);
      return EXIT.notSettled;
    }
    const { replayed, readded } = await replay(runs);
    if (json) out(JSON.stringify({ replayed, readded }));
    else if (replayed === 0) out('no blocked seed matches');
    else out(`replayed ${replayed}${readded > 0 ? `, of which ${readded} had lost their job` : ''}`);
    return EXIT.ok;

    async function replay(ids: readonly RunId[]): Promise<Replayed> {
      if (ids.length === 0) return { replayed: 0, readded: 0 };
      await using queue = openQueue(config.queue);
      try {
        await askQueue(queue); // first, so that nothing changes while it is away
        return await replaySeeds(ledger.em, queue, { runs: ids, tenant, email, reason });
      } catch (error) {
        throw unreachable('the ledger or the queue', error);
      }
    }
  },
});

function ledgerLost(error: unknown): never {
  throw unreachable('the ledger', error);
}
