import type { Email, ManifestName, ReleaseId, RunId, TenantId } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { isNotMigrated } from '#shared/ledger/applied-migrations.ts';
import { openLedger } from '#shared/ledger/ledger.ts';
import { askQueue, openQueue } from '#shared/queue/open-queue.ts';
import type { CommandIo } from '#shared/runtime/command.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { unreachable } from '#shared/runtime/wait-until-reachable.ts';
import { describeNone, findRuns } from './gate/gate-counts.ts';
import { inTime } from './gate/in-time.ts';
import { hasTenant } from './has-tenant.ts';
import { parseReplayConfig } from './ops-config.ts';
import { replaySeeds, type Replayed } from './replay-seeds.ts';

export interface ReplayOptions {
  readonly name?: ManifestName | undefined;
  readonly release?: ReleaseId | undefined;
  readonly tenant?: TenantId | undefined;
  readonly email?: Email | undefined;
  readonly reason?: Reason | undefined;
  readonly json: boolean;
}

export async function replayBlocked(
  { name, release, tenant, email, reason, json }: ReplayOptions,
  { env, out, say }: CommandIo,
): Promise<ExitCode> {
  const config = parseReplayConfig(env);
  await using ledger = await openLedger(config.ledger);
  const found = await inTime(findRuns(ledger.em.fork(), { name, release })).catch((error: unknown) => {
    return isNotMigrated(error) ? [] : ledgerLost(error);
  });
  const runs = found.map(({ run }) => run);
  if (runs.length === 0) {
    say(describeNone({ name, release }));
    return EXIT.notSettled;
  }
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
    await using queue = openQueue(config.queue);
    try {
      await askQueue(queue); // first, so that nothing changes while it is away
      return await replaySeeds(ledger.em, queue, { runs: ids, tenant, email, reason });
    } catch (error) {
      throw unreachable('the ledger or the queue', error);
    }
  }
}

function ledgerLost(error: unknown): never {
  throw unreachable('the ledger', error);
}
