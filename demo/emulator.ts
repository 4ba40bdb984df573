import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readPools } from './cognito/control-input.ts';
import { startEmulator, type EmulatedPool } from './cognito/emulator.ts';

/** The exit codes of rolecall, which the emulator's container lacks. */
const USAGE = 2;
const UNREACHABLE = 5;

/** The Cognito emulator as a process of its own: for docker-compose, and to point a manifest's `endpoint` at. */
const { HOST, PORT, EMULATOR_POOLS } = process.env;
const [host, port] = [HOST || '127.0.0.1', readPort(PORT || '9229')];
const file = EMULATOR_POOLS || fileURLToPath(new URL('pools.json', import.meta.url));
const pools = await loadPools().catch(refusePools);

const emulator = await startEmulator({ host, port, pools }).catch((error: NodeJS.ErrnoException) => {
  if (error.syscall === undefined) return refusePools(error); // no system call failed, so it is what the file says
  const why = `cannot listen on ${host}:${port} (${error.code})`;
  return end(UNREACHABLE, `${why}; choose another with HOST and PORT, and name it in userPool.endpoint`);
});
console.log(`Cognito emulator on ${emulator.url}, pools: ${pools.map(({ id }) => id).join(' ')}`);

// As process 1 of a container it has no default handlers; there is nothing to finish, so it leaves at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));

function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  return end(USAGE, 'PORT: expected a whole number from 0 to 65535');
}

async function loadPools(): Promise<EmulatedPool[]> {
  return readPools(JSON.parse(await readFile(file, 'utf8')));
}

function refusePools(error: NodeJS.ErrnoException): never {
  const unread = error.code !== undefined && `cannot be read (${error.code})`;
  const why = unread || (error instanceof SyntaxError ? 'is no JSON' : `cannot be used (${error.message})`);
  return end(USAGE, `EMULATOR_POOLS: ${file} ${why}; name a file like demo/pools.json`);
}

function end(exitCode: number, why: string): never {
  console.error(`emulator: ${why}`);
  process.exit(exitCode);
}
