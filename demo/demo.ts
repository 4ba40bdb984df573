import { styleText } from 'node:util';
import { Command, CommanderError, Option } from 'commander';
import { ConfigError } from '#shared/config/env.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { redact } from '#shared/runtime/logger.ts';
import { stopOnSignals } from '#shared/runtime/stop-signal.ts';
import { countsLine, describeGate } from '../src/ops/gate/describe-gate.ts';
import type { Gate } from '../src/ops/gate/gate.ts';
import { blocked } from './scenarios/blocked.ts';
import { outage } from './scenarios/outage.ts';
import { plain } from './scenarios/plain.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { seedList } from './seed-list.ts';
import { startDemo, type RunningDemo } from './start-demo.ts';
import { watchGate } from './watch-gate.ts';

const SCENARIOS = { plain, blocked, outage } as const satisfies Record<string, Scenario>;
const EXIT_BY_STATE: Readonly<Record<Gate['state'], ExitCode>> = {
  open: EXIT.ok,
  blocked: EXIT.blocked,
  pending: EXIT.notSettled,
  unknown: EXIT.notSettled,
};

const started = performance.now();
const stop = stopOnSignals(process, () => process.exit(EXIT.unexpected));
// The emulator takes any key. Real ones must never reach it, nor decide what the demo does.
for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'demo', AWS_SECRET_ACCESS_KEY: 'demo' });

process.exitCode = await main().catch(explain);

async function main(): Promise<ExitCode> {
  const { once, scenario: name } = parseArguments();
  const scenario = SCENARIOS[name];
  say(styleText('bold', `rolecall demo: ${scenario.headline}`));
  await using demo = await startDemo({ scenario, env: process.env, signal: stop, say });
  const { produced } = demo.up;
  say(`Release ${produced.release} recorded: ${produced.seeds} seeds enqueued\n`);

  const query = { name: produced.name, release: produced.release, tenant: undefined };
  let exitCode: ExitCode = EXIT.notSettled;
  let told = false;
  for await (const gate of watchGate(demo.ledger, query, stop)) {
    say(progressLine(gate));
    if (!isSettled(gate, told ? 'settled' : scenario.endsAt)) continue;
    exitCode = EXIT_BY_STATE[gate.state];
    await tellResult(demo, gate);
    if (once) return exitCode;
    if (!told) tellWhatNext(demo, scenario);
    told = true;
  }
  return stop.aborted ? EXIT.ok : exitCode;
}

function parseArguments(): { once: boolean; scenario: keyof typeof SCENARIOS } {
  const program = new Command('npm run demo --')
    .description('the main job, with embedded PostgreSQL and an emulated Cognito')
    .option('--once', 'stop when the gate is settled; the exit code is the gate’s')
    .addOption(new Option('--scenario <name>', 'what happens').choices(Object.keys(SCENARIOS)).default('plain'))
    .exitOverride();
  return program.parse().opts();
}

function isSettled({ state, degraded }: Gate, endsAt: Scenario['endsAt']): boolean {
  return state === 'blocked' || (state === 'open' && (endsAt === 'settled' || !degraded));
}

async function tellResult({ ledger, up }: RunningDemo, gate: Gate): Promise<void> {
  say(`\n${(await seedList(ledger, up.produced.run)).join('\n')}\n`);
  const [head = '', ...rest] = describeGate(gate);
  const colour = gate.open ? 'green' : 'red';
  say(styleText(['bold', colour], gate.state === 'open' && !gate.degraded ? 'gate open' : head));
  say([...(gate.open ? [] : rest), `after ${seconds()} s`].join('\n'));
}

function tellWhatNext({ where }: RunningDemo, scenario: Scenario): void {
  say(`\nPage:  ${where.pageUrl}/\nBoard: ${where.pageUrl}/board\n`);
  say([...scenario.advice(where), 'Ctrl-C ends it.', ''].join('\n'));
}

function progressLine(gate: Gate): string {
  const state = `${gate.state}${gate.degraded ? ', degraded' : ''}`;
  return styleText('dim', `  ${seconds().padStart(5)} s  gate ${state}: ${countsLine(gate)}`);
}

function seconds(): string {
  return ((performance.now() - started) / 1000).toFixed(1);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (stop.aborted) return EXIT.ok; // stopped while it was starting
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`demo: ${redact(error.message)}\n`);
  if (error instanceof ConfigError) return EXIT.usage;
  return error.name === 'UnreachableError' ? EXIT.unreachable : EXIT.unexpected;
}
