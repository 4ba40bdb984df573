import { runCommandLine, type Command, type CommandIo } from '#shared/runtime/command.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { createLogger, logLevelOf, redact } from '#shared/runtime/logger.ts';
import { stopOnSignals } from '#shared/runtime/stop-signal.ts';

/** Loaded on demand: `gate` in an init container must not pay for the AWS SDK. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  validate: async () => (await import('./producer/validate.command.ts')).validateCommand,
  migrate: async () => (await import('./producer/migrate.command.ts')).migrateCommand,
  produce: async () =>
    (await import('./producer/produce.command.ts')).createProduceCommand(
      async (wait) => (await import('./ops/gate.command.ts')).waitForGate(wait), // the wait is ops'
    ),
  work: async () => (await import('./worker/work.command.ts')).workCommand,
  ops: async () => (await import('./ops/ops.command.ts')).opsCommand,
  up: async () => (await import('./up.command.ts')).upCommand,
  gate: async () => (await import('./ops/gate.command.ts')).gateCommand,
  status: async () => (await import('./ops/status.command.ts')).statusCommand,
  replay: async () => (await import('./ops/replay.command.ts')).replayCommand,
};

const LINGER_MS = 2_000;

/** By name, as the classes live in parts that are loaded on demand. Whatever is not here surprised us. */
const EXIT_BY_ERROR: Readonly<Record<string, ExitCode>> = {
  UsageError: EXIT.usage,
  ConfigError: EXIT.usage,
  ManifestError: EXIT.usage,
  UnreachableError: EXIT.unreachable,
};

async function main(argv: readonly string[]): Promise<ExitCode> {
  const { env, stdout, stderr } = process;
  const io: CommandIo = {
    env,
    out: (text) => void stdout.write(`${text}\n`),
    say: (text) => void stderr.write(`${text}\n`),
    log: createLogger(logLevelOf(env)),
    signal: stopOnSignals(process, () => process.exit(EXIT.unexpected)),
    fancy: stdout.isTTY === true && !env['NO_COLOR'],
  };
  try {
    return await runCommandLine(argv, await load(argv[0]), io);
  } catch (error) {
    return explain(error, io);
  }
}

/** The command that is named; all of them when none is, so that the help can list them. */
async function load(name: string | undefined): Promise<ReadonlyMap<string, Command>> {
  const wanted = name !== undefined && Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS);
  const loaded = await Promise.all(wanted.map(async (key) => [key, await COMMANDS[key]?.()] as const));
  return new Map(loaded.flatMap(([key, command]) => (command ? [[key, command] as const] : [])));
}

function explain(error: unknown, { say, signal }: CommandIo): ExitCode {
  if (signal.aborted) {
    say('rolecall: stopped before it was done');
    return EXIT.unexpected; // never 0: a deploy script would read that as "open"
  }
  if (!(error instanceof Error)) throw error;
  const exitCode = EXIT_BY_ERROR[error.name];
  // Our own messages never show a value; what surprised us may quote one.
  say(`rolecall: ${exitCode === undefined ? redact(error.stack ?? error.message) : error.message}`);
  return exitCode ?? EXIT.unexpected;
}

/** `rolecall status | head`: the reader has enough. The command goes on to its own exit code, which is an answer. */
function outliveReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

outliveReader();
process.exitCode = await main(process.argv.slice(2));
// A connection to a server that is gone without a word would keep the process for minutes, once all is said.
process.stdout.write('', () => setTimeout(() => process.exit(), LINGER_MS).unref());
