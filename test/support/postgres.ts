import { access, constants, statfs } from 'node:fs/promises';
import { startEmbeddedPostgres } from '../../demo/embedded-postgres.ts';

/** Linux keeps it in memory (shm_overview(7)). A container's is often of 64 MB. */
const MEMORY = '/dev/shm';

/** A gigabyte of write-ahead log, and the databases of tests that run at the same time; for each project of vitest. */
const NEEDED_BYTES = 2 * 2 ** 30;

/**
 * A PostgreSQL for the run, with room for the connections of many processes. In memory where there is enough of it: each
 * test clones a database, which is over 300 files, and to make those on a disk can take ten times as long.
 */
export async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const settings = ['max_connections=300'];
  const parent = (await hasRoom(MEMORY)) ? MEMORY : undefined;
  const postgres = await startEmbeddedPostgres({ prefix: 'rolecall-test-', settings, ...(parent && { parent }) });
  return { url: postgres.url, stop: async () => postgres[Symbol.asyncDispose]() };
}

async function hasRoom(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK);
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize >= NEEDED_BYTES;
  } catch {
    return false; // not Linux, or not ours
  }
}
