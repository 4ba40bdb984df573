import { z } from 'zod';
import type { QueueTarget } from '#shared/queue/queue-target.ts';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import { managedSchemas, parseProducerConfig } from './producer-config.ts';

export const migrateCommand = defineCommand({
  summary: 'bring the ledger, the queue and the managed tables up to date',
  options: [{ flags: '--json', help: 'print JSON' }],
  parse: z.object({ json: z.boolean().default(false) }),
  async run({ json }, { env, out, signal }) {
    const config = parseProducerConfig(env);
    const [{ prepareDatabases }, { readOrThrow }, { UnreachableError }] = await Promise.all([
      import('./prepare-databases.ts'),
      import('./produce.ts'),
      import('#shared/runtime/wait-until-reachable.ts'),
    ]);
    const { manifest } = await readOrThrow(config.manifestPath, env);
    const managed = managedSchemas(manifest, env);
    const away = await prepareDatabases({ config, managed, roles: manifest.roles, signal });
    if (away.length > 0) throw new UnreachableError(away.map(({ problem }) => problem).join('\n'));
    const places = managed.map(({ databaseUrlEnv, schema }) => ({ databaseUrlEnv, schema }));
    out(
      json
        ? JSON.stringify({ migrated: true, queue: config.queue.kind, managed: places })
        : `up to date: ${['the ledger', ...queueOf(config.queue), ...places.map(describe)].join(', ')}`,
    );
    return EXIT.ok;
  },
});

/** Redis has nothing to bring up to date. */
function queueOf({ kind }: QueueTarget): string[] {
  return kind === 'postgres' ? ['the queue'] : [];
}

function describe({ schema, databaseUrlEnv }: { readonly schema: string; readonly databaseUrlEnv: string }): string {
  return `the managed tables in ${schema} of ${databaseUrlEnv}`;
}
