import { z } from 'zod';
import type { Env } from '#shared/config/env.ts';
import { ReleaseId, type ManifestName } from '#shared/contract/ids.ts';
import { defineCommand, type CommandIo } from '#shared/runtime/command.ts';
import { EXIT, type ExitCode } from '#shared/runtime/exit-codes.ts';
import { DEFAULT_TIMEOUT_S, isWaiting, NOT_WAITING, TIMEOUT_OPTION, waitShape } from '#shared/runtime/wait-options.ts';
import type { Produced } from './produce.ts';
import { parseProducerConfig } from './producer-config.ts';

/** The gate is ops', which a producer may not import: whoever composes the command line hands the wait in. */
export type WaitForGate = (options: {
  readonly env: Env;
  readonly query: { readonly name: ManifestName; readonly release: ReleaseId };
  readonly timeoutS: number;
  readonly signal: AbortSignal;
  readonly out: CommandIo['out'];
  readonly say: CommandIo['say'];
  readonly json: boolean;
}) => Promise<ExitCode>;

export const createProduceCommand = (waitForGate: WaitForGate) =>
  defineCommand({
    summary: 'record the release of the manifest and enqueue its seeds',
    options: [
      { flags: '--release <id>', help: 'the id of this deploy (default: ROLECALL_RELEASE, else a fresh one)' },
      { flags: '--wait', help: 'then wait for the gate; its state decides the exit code' },
      TIMEOUT_OPTION,
      { flags: '--json', help: 'print JSON' },
    ],
    parse: z
      .object({
        release: ReleaseId.optional(),
        ...waitShape,
        json: z.boolean().default(false),
      })
      .refine(isWaiting, NOT_WAITING),
    async run({ release, wait, timeout = DEFAULT_TIMEOUT_S, json }, io) {
      const { env, signal, out, say } = io;
      const config = parseProducerConfig(env);
      const { produce } = await import('./produce.ts');
      const produced = await produce({ config, env, release, signal });
      const summary = json ? JSON.stringify(produced) : describe(produced);
      for (const remark of remarksOn(produced)) say(remark);
      if (!wait) {
        out(summary);
        return EXIT.ok;
      }
      say(summary);
      const query = { name: produced.name, release: produced.release };
      return waitForGate({ env, query, timeoutS: timeout, signal, out, say, json });
    },
  });

export function describe({ name, release, run, recorded, tenants, seeds, enqueued, superseded }: Produced): string {
  const what = recorded ? `recorded as run ${run}` : `already current as run ${run}`;
  const older = superseded > 0 ? `; ${superseded} unsettled seeds of older runs superseded` : '';
  return `release ${release} of ${name} ${what}: ${tenants} tenants, ${seeds} seeds, ${enqueued} enqueued${older}`;
}

/** What the release goes on without. */
export function remarksOn({ databasesAway }: Produced): string[] {
  return databasesAway.map(
    ({ problem }) => `${problem}: the release goes on without it, and its seeds are tried again until it answers`,
  );
}
