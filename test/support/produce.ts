import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import { ReleaseId } from '#shared/contract/ids.ts';
import { parseProducerConfig } from '../../src/producer/producer-config.ts';
import { produce, readOrThrow, type Produced } from '../../src/producer/produce.ts';

/** Runs the real producer over a manifest in a file of its own. */
export function produceManifest(manifest: object, env: Env, release?: string): Promise<Produced> {
  return withFile(manifest, (path) =>
    produce({
      config: parseProducerConfig({ ...env, ROLECALL_MANIFEST: path }),
      env,
      release: release === undefined ? undefined : ReleaseId.parse(release),
      signal: new AbortController().signal,
    }),
  );
}

/** What the producer reads before it records. */
export function readBack(manifest: object, env: Env): ReturnType<typeof readOrThrow> {
  return withFile(manifest, (path) => readOrThrow(path, env));
}

async function withFile<T>(manifest: object, use: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'rolecall-manifest-'));
  const path = join(directory, 'rolecall.yaml');
  await writeFile(path, JSON.stringify(manifest)); // JSON is YAML
  try {
    return await use(path);
  } finally {
    await rm(directory, { recursive: true });
  }
}
