import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '#shared/config/env.ts';
import { ReleaseId } from '#shared/contract/ids.ts';
import { parseProducerConfig } from '../../src/producer/producer-config.ts';
import { produce, type Produced } from '../../src/producer/produce.ts';

/** Runs the real producer over a manifest in a file of its own. */
export async function produceManifest(manifest: object, env: Env, release?: string): Promise<Produced> {
  const directory = await mkdtemp(join(tmpdir(), 'rolecall-manifest-'));
  const path = join(directory, 'rolecall.yaml');
  await writeFile(path, JSON.stringify(manifest)); // JSON is YAML
  try {
    return await produce({
      config: parseProducerConfig({ ...env, ROLECALL_MANIFEST: path }),
      env,
      release: release === undefined ? undefined : ReleaseId.parse(release),
      signal: new AbortController().signal,
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}
