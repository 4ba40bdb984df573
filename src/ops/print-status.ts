import type { ManifestName, ReleaseId, TenantId } from '#shared/contract/ids.ts';
import type { SeedStateKind } from '#shared/contract/seed-state.ts';
import { isNotMigrated } from '#shared/ledger/applied-migrations.ts';
import { openLedger } from '#shared/ledger/ledger.ts';
import { UsageError, type CommandIo } from '#shared/runtime/command.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { describeSilence, UnreachableError } from '#shared/runtime/wait-until-reachable.ts';
import { describeNone, findRuns, type Run } from './gate/gate-counts.ts';
import { inTime } from './gate/in-time.ts';
import { hasTenant } from './has-tenant.ts';
import { listSeeds, measureSeeds, type ListedSeed, type SeedFilter } from './list-seeds.ts';
import { parseLedgerConfig } from './ops-config.ts';
import { seedTable } from './seed-table.ts';

export interface StatusOptions {
  readonly name?: ManifestName | undefined;
  readonly release?: ReleaseId | undefined;
  readonly tenant?: TenantId | undefined;
  readonly state?: SeedStateKind | undefined;
  readonly emails: boolean;
  readonly json: boolean;
}

export async function printStatus(
  { name, release, tenant, state, emails, json }: StatusOptions,
  io: CommandIo,
): Promise<ExitCode> {
  const config = parseLedgerConfig(io.env);
  const wanted = { name, release: release ?? config.release };
  await using ledger = await openLedger(config.ledger);
  const em = () => ledger.em.fork();
  try {
    const [run, ...others] = await inTime(findRuns(em(), wanted));
    if (run === undefined) return nothing(io, describeNone(wanted));
    if (others.length > 0) {
      const names = [run, ...others].map((each) => each.name).join(', ');
      throw new UsageError(`several manifests fit: say which by --name (${names})`);
    }
    if (run.pruned) return nothing(io, 'the seeds of this release were pruned, long after a newer run took over');
    if (tenant !== undefined && !(await inTime(hasTenant(em(), [run.run], tenant)))) {
      return nothing(io, `no seeds of the tenant ${tenant}`);
    }
    const filter: SeedFilter = { run: run.run, tenant, state };
    const seeds = listSeeds(em, filter, emails);
    await (json ? printJson(run, seeds, io) : printTable(await measureSeeds(em(), filter, emails), seeds, io));
    return EXIT.ok;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (isNotMigrated(error)) return nothing(io, describeNone(wanted));
    throw new UnreachableError(describeSilence(error), { cause: error });
  }
}

function nothing(io: CommandIo, why: string): ExitCode {
  io.say(why);
  return EXIT.notSettled;
}

type Pages = AsyncIterable<readonly ListedSeed[]>;

/** One JSON document, written as it is read: a run may have a hundred thousand seeds. */
async function printJson({ name, release, run }: Run, pages: Pages, io: CommandIo): Promise<void> {
  io.out(`${JSON.stringify({ name, release, run }).slice(0, -1)},"seeds":[`);
  let separator = '';
  for await (const page of pages) {
    const lines = page.map((seed) => JSON.stringify(seed)).join(',\n');
    io.out(separator + lines);
    separator = ',';
  }
  io.out(']}');
}

async function printTable(widths: Awaited<ReturnType<typeof measureSeeds>>, pages: Pages, io: CommandIo) {
  const table = seedTable(widths, io.fancy);
  io.out(table.head);
  for await (const page of pages) io.out(page.map(table.row).join('\n'));
}
