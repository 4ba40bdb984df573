import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counts, EmulatedPool } from '../../demo/cognito/emulator.ts';
import { startChild } from './child-process.ts';

/** Cognito in a process of its own: what it costs is nobody else's. */
export interface EmulatorProcess extends AsyncDisposable {
  readonly url: string;
  addPool(pool: EmulatedPool): Promise<void>;
  counts(): Promise<Counts>;
}

export interface EmulatorOptions {
  readonly directory: string;
  readonly latencyMs: number;
  /** Whether the ListUsers quota of AWS holds: 30 a second, per account and region. */
  readonly quota: 'enforced' | 'none';
}

export async function startEmulatorProcess({ directory, latencyMs, quota }: EmulatorOptions): Promise<EmulatorProcess> {
  await using opened = new AsyncDisposableStack();
  const pools = join(directory, 'pools.json');
  await writeFile(pools, '[]');
  const env = { PORT: '0', EMULATOR_POOLS: pools };
  const child = opened.use(startChild('demo/emulator.ts', [], { env, outputFile: join(directory, 'emulator.log') }));
  const [, url = ''] = await child.untilSays(/on (http:\S+),/);

  async function control(path: string, body?: object): Promise<unknown> {
    const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${url}/_emulator/${path}`, request);
    if (!response.ok) throw new Error(`the emulator refused ${path}: ${await response.text()}`);
    return response.json();
  }

  await control('latency', { ms: latencyMs });
  if (quota === 'none') await control('quotas', { UserList: null, UserRead: null, UserPoolRead: null }); // no limit
  const owned = opened.move();
  return {
    url,
    addPool: async (pool) => void (await control('pools', pool)),
    counts: async () => (await control('counts')) as Counts, // what the emulator's own interface says
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What counts against a quota of Cognito. */
export function requestsIn({ calls }: Counts): number {
  return calls.ListUsers + calls.AdminGetUser + calls.DescribeUserPool;
}

export function throttlesIn({ throttled }: Counts): number {
  return Object.values(throttled).reduce((sum, count) => sum + count, 0);
}
