import { z } from 'zod';
import { defineCommand } from '#shared/runtime/command.ts';
import { EXIT } from '#shared/runtime/exit-codes.ts';
import type { Manifest } from './manifest/manifest.ts';
import { ManifestError } from './manifest/manifest-error.ts';
import { parseManifestPath } from './producer-config.ts';

export const validateCommand = defineCommand({
  summary: 'read the manifest and print what it holds, or every problem in it',
  options: [{ flags: '--json', help: 'print JSON' }],
  parse: z.object({ json: z.boolean().default(false) }),
  async run({ json }, { env, out }) {
    const path = parseManifestPath(env);
    const { readManifest } = await import('./manifest/read-manifest.ts');
    const read = await readManifest(path, env);
    if (read.kind === 'refused') {
      if (!json) throw new ManifestError(read.problems);
      out(JSON.stringify({ valid: false, problems: read.problems }));
      return EXIT.usage;
    }
    out(
      json
        ? JSON.stringify({ valid: true, digest: read.digest, ...summary(read.manifest) })
        : describe(path, read.manifest),
    );
    return EXIT.ok;
  },
});

function summary({ name, roles, tenants }: Manifest) {
  return {
    name,
    roles: roles.map((role) => role.name),
    seeds: tenants.reduce((sum, { seeds }) => sum + seeds.length, 0),
    tenants: tenants.map(({ id, settings, seeds }) => ({ id, userPool: settings.userPool.id, seeds: seeds.length })),
  };
}

function describe(path: string, manifest: Manifest): string {
  const { name, roles, seeds, tenants } = summary(manifest);
  return [
    `${path} is valid: ${name}, ${tenants.length} tenants, ${seeds} seeds`,
    `roles: ${roles.join(', ')}`,
    ...tenants.map((tenant) => `tenant ${tenant.id}: ${tenant.seeds} seeds, user pool ${tenant.userPool}`),
  ].join('\n');
}
