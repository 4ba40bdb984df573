import { readFile } from 'node:fs/promises';
import { readPools } from './cognito/control-input.ts';
import { startEmulator } from './cognito/emulator.ts';

/** The Cognito emulator as a process of its own: for docker-compose, and to point a manifest's `endpoint` at. */
const { HOST, PORT, EMULATOR_POOLS } = process.env;
const pools = readPools(JSON.parse(await readFile(EMULATOR_POOLS || new URL('pools.json', import.meta.url), 'utf8')));

const emulator = await startEmulator({ host: HOST || '127.0.0.1', port: Number(PORT || 9229), pools });
console.log(`Cognito emulator on ${emulator.url}, pools: ${pools.map(({ id }) => id).join(' ')}`);

// As process 1 of a container it has no default handlers; there is nothing to finish, so it leaves at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
