import type { Command } from '#shared/runtime/command.ts';
import { gateCommand } from './ops/gate.command.ts';
import { opsCommand } from './ops/ops.command.ts';
import { replayCommand } from './ops/replay.command.ts';
import { statusCommand } from './ops/status.command.ts';
import { migrateCommand } from './producer/migrate.command.ts';
import { createProduceCommand } from './producer/produce.command.ts';
import { validateCommand } from './producer/validate.command.ts';
import { upCommand } from './up.command.ts';
import { workCommand } from './worker/work.command.ts';

/**
 * In the order in which the help lists them. Each loads what it works with when it runs: help and mistakes are answered at once, and
 * `gate` in an init container must not pay for the AWS SDK.
 */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    validate: validateCommand,
    migrate: migrateCommand,
    produce: createProduceCommand(async (wait) => (await import('./ops/wait-for-gate.ts')).waitForGate(wait)), // the wait is ops'
    work: workCommand,
    ops: opsCommand,
    up: upCommand,
    gate: gateCommand,
    status: statusCommand,
    replay: replayCommand,
  }),
);
