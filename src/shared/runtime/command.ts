import { Command as Program, CommanderError } from 'commander';
import type { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Log } from './logger.ts';

/** The command line makes no sense: exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What a command may touch of the process: everything else comes in as an argument. */
export interface CommandIo {
  readonly env: Env;
  /** Data, on stdout. */
  out(text: string): void;
  /** For people: progress and remarks, on stderr. */
  say(text: string): void;
  readonly log: Log;
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Colours and moving lines are welcome: stdout is a terminal, and NO_COLOR is not set. */
  readonly fancy: boolean;
}

export interface CommandOption {
  /** In commander's notation: `--release <id>`. */
  readonly flags: string;
  readonly help: string;
}

interface CommandDefinition<Options> {
  readonly summary: string;
  readonly options: readonly CommandOption[];
  readonly parse: z.ZodType<Options>;
  run(options: Options, io: CommandIo): Promise<ExitCode>;
}

export interface Command {
  readonly summary: string;
  readonly options: readonly CommandOption[];
  run(options: unknown, io: CommandIo): Promise<ExitCode>;
}

/** A command: its options are parsed as strictly as everything else that comes from outside. */
export function defineCommand<Options>(definition: CommandDefinition<Options>): Command {
  const { summary, options } = definition;
  return {
    summary,
    options,
    async run(raw, io) {
      const parsed = definition.parse.safeParse(raw);
      if (!parsed.success) {
        const problems = parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`);
        throw new UsageError(problems.join('\n'));
      }
      return definition.run(parsed.data, io);
    },
  };
}

/** For whoever writes a deploy script and has only the help at hand; README has it in full. */
const EXIT_CODES = [
  'Exit codes:',
  `  ${EXIT.ok}  done; of gate and produce --wait: open`,
  `  ${EXIT.unexpected}  an unexpected failure`,
  `  ${EXIT.usage}  the command line, the manifest or the environment cannot be used`,
  `  ${EXIT.blocked}  the gate is blocked`,
  `  ${EXIT.notSettled}  the gate is not settled, or unknown`,
  `  ${EXIT.unreachable}  a dependency cannot be reached`,
].join('\n');

export interface CommandLine {
  readonly commands: ReadonlyMap<string, Command>;
  readonly version: string;
}

/** Reads the command line and runs the one command it names; help and mistakes are commander's. */
export async function runCommandLine(
  argv: readonly string[],
  { commands, version }: CommandLine,
  io: CommandIo,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = new Program('rolecall')
    .description('makes sure that the people a platform depends on hold their roles')
    .version(version)
    .addHelpText('afterAll', `\n${EXIT_CODES}`)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.say(text.trimEnd()) });
  for (const [name, command] of commands) {
    const sub = program.command(name).description(command.summary).allowExcessArguments(false);
    for (const { flags, help } of command.options) sub.option(flags, help);
    sub.action(async (options: unknown) => {
      exitCode = await command.run(options, io);
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage; // commander has said what is wrong
  }
  return exitCode;
}
