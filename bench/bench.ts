import { writeFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform as system, totalmem } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { redact } from '#shared/runtime/logger.ts';
import { filterThroughput } from './benches/filter-throughput.bench.ts';
import { gateLatency } from './benches/gate-latency.bench.ts';
import { largePoolPaced } from './benches/large-pool-paced.bench.ts';
import { manyAccounts } from './benches/many-accounts.bench.ts';
import { produceFolder } from './benches/produce-folder.bench.ts';
import { scanThroughput } from './benches/scan-throughput.bench.ts';
import { smallPoolScan } from './benches/small-pool-scan.bench.ts';
import { smallTenantBehindLarge } from './benches/small-tenant-behind-large.bench.ts';
import { workerScaling } from './benches/worker-scaling.bench.ts';
import { BACKENDS, type Backend, type Bench } from './support/bench.ts';
import { killChildren } from './support/child-process.ts';
import { judge } from './support/judge.ts';
import { startPlatform } from './support/platform.ts';
import { list, table, type Result } from './support/report.ts';

const BENCHES: readonly Bench[] = [
  smallPoolScan,
  largePoolPaced,
  manyAccounts,
  filterThroughput,
  scanThroughput,
  smallTenantBehindLarge,
  produceFolder,
  gateLatency,
  workerScaling,
];

interface Options {
  readonly only?: readonly string[];
  readonly backend?: Backend;
  /** `true`: to stdout. */
  readonly json?: string | true;
  readonly list?: true;
  readonly check?: true;
}

interface Failure {
  readonly name: string;
  readonly backend: Backend;
  readonly error: string;
}

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const NO_REDIS =
  'There is no redis-server on the PATH and no TEST_REDIS_URL: only the queue in PostgreSQL is measured, and what is about Redis is left out.';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
    killChildren(); // whoever waits for one of them fails, and cleans up
  });
}
process.once('uncaughtException', (error) => {
  say(`bench: ${redact(error.stack ?? error.message)}`);
  stop.abort(); // a bug of the bench is no reason to leave a server behind
  killChildren();
});
process.once('exit', killChildren);

process.exitCode = await main().catch(explain);

async function main(): Promise<ExitCode> {
  const { only, backend, json, list: listing, check } = parseArguments();
  if (listing) {
    print(list(BENCHES));
    return EXIT.ok;
  }
  await using platform = await startPlatform({
    lentRedisUrl: process.env['TEST_REDIS_URL'] || undefined,
    signal: stop.signal,
  });
  const backends = BACKENDS.filter((name) => name === (backend ?? name) && (name === 'postgres' || platform.redisUrl));
  if (platform.redisUrl === null) say(NO_REDIS);

  const results: Result[] = [];
  const failures: Failure[] = [];
  for (const bench of BENCHES.filter(({ name }) => only?.includes(name) ?? true)) {
    for (const on of backends.filter((name) => bench.backends.includes(name))) {
      try {
        results.push(...(await measure(bench, on)));
      } catch (error) {
        if (stop.signal.aborted) return EXIT.interrupted;
        const message = redact(error instanceof Error ? error.message : String(error));
        failures.push({ name: bench.name, backend: on, error: message });
        say(`${bench.name} on ${on} failed: ${message}`);
      }
    }
  }
  const report = JSON.stringify({ at: new Date().toISOString(), machine: machine(), results, failures }, null, 2);
  if (json === true) print(report);
  else print(table(results));
  if (typeof json === 'string') await writeFile(json, `${report}\n`);
  const missed = results.some(({ met }) => !met);
  return failures.length > 0 || results.length === 0 || (check && missed) ? EXIT.failed : EXIT.ok;

  async function measure(bench: Bench, on: Backend): Promise<Result[]> {
    say(`${bench.name} on ${on} …`);
    const started = performance.now();
    const { run, backends: _, ...facts } = bench;
    const findings = await run(platform, on);
    const measured = findings.map((finding) => ({
      ...facts,
      backend: on,
      ...finding,
      ...judge(finding, bench.target),
    }));
    say(`${table(measured)}\nafter ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
    return measured;
  }
}

function parseArguments(): Options {
  const names = BENCHES.map(({ name }) => name);
  const program = new Command('npm run bench --')
    .description('measures rolecall against what bounds it, both in the same run')
    .addOption(new Option('--only <names...>', 'these and no other').choices(names))
    .addOption(new Option('--backend <name>', 'where the queue lives').choices(BACKENDS))
    .option('--json [file]', 'everything as JSON, on stdout instead of the table or into a file')
    .option('--list', 'says what there is')
    .option('--check', 'exit code 1 also when a target was missed')
    .exitOverride();
  return program.parse().opts();
}

function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${system()} ${arch()}`,
    node: process.version,
  };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (stop.signal.aborted) return EXIT.interrupted;
  if (!(error instanceof Error)) throw error;
  say(`bench: ${redact(error.stack ?? error.message)}`);
  return EXIT.failed;
}
