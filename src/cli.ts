import { readFile } from 'node:fs/promises';
import { runCommandLine, type CommandIo } from '#shared/runtime/command.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { createLogger, logLevelOf, redact } from '#shared/runtime/logger.ts';
import { stopOnSignals } from '#shared/runtime/stop-signal.ts';
import { COMMANDS } from './commands.ts';

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
    return await runCommandLine(argv, { commands: COMMANDS, version: await ownVersion() }, io);
  } catch (error) {
    return explain(error, io);
  }
}

async function ownVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
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
