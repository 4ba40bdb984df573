import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { answerCall, type World } from './answer-call.ts';
import { CONTROL_PREFIX, serveControl } from './control-api.ts';
import { createCounter, type Counts } from './counts.ts';
import { deliver } from './deliver.ts';
import { createFaultList } from './fault-list.ts';
import type { Fault } from './faults.ts';
import { createPool, type EmulatedPool, type Pool } from './pool.ts';
import { createThrottle, type Quotas } from './quotas.ts';
import type { EmulatedRole } from './sts.ts';
import type { EmulatedUser } from './user.ts';

export type { Counts, EmulatedPool, EmulatedRole, EmulatedUser, Fault, Quotas };

export interface Emulator extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Replaces a pool with the same id. */
  addPool(pool: EmulatedPool): void;
  removePool(id: string): void;
  addUser(poolId: string, user: EmulatedUser): EmulatedUser & { readonly sub: string };
  /** Removes every user with this email; none is fine. */
  removeUser(poolId: string, email: string): void;
  /** Changes every user with this email; none is fine. */
  updateUser(poolId: string, email: string, change: Partial<EmulatedUser>): void;
  /** Returns the id to clear it by. */
  setFault(fault: Fault): string;
  clearFault(id: string): void;
  clearFaults(): void;
  /** A snapshot. */
  readonly counts: Counts;
  resetCounts(): void;
  /** For every answer of Cognito and STS. */
  setLatency(ms: number): void;
  /** Per second, account and region; full buckets afterwards. */
  setQuotas(quotas: Partial<Quotas>): void;
}

export interface EmulatorOptions {
  /** Default: 0, a free one. */
  readonly port?: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  readonly pools?: readonly EmulatedPool[];
  /** Default: those of AWS. */
  readonly quotas?: Partial<Quotas>;
  readonly latencyMs?: number;
  /** ListUsers gives at most so many users a page, whatever the Limit; a pool's own comes first. */
  readonly pageSize?: number;
  /** What AssumeRole accepts; absent: every role. */
  readonly roles?: readonly EmulatedRole[];
}

/** Amazon Cognito and STS on one port, as the AWS SDK meets them. The caller disposes it, which ends every connection. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const pools = new Map<string, Pool>();
  const faults = createFaultList({ now, random: Math.random });
  const throttle = createThrottle(options.quotas ?? {}, now);
  const counter = createCounter(now);
  const world: World = {
    pools,
    faults,
    throttle,
    counter,
    now,
    keys: new Map(),
    roles: options.roles,
    pageSize: options.pageSize ?? Infinity,
  };
  let latencyMs = options.latencyMs ?? 0;
  const poolOf = (id: string): Pool => {
    const pool = pools.get(id);
    if (pool === undefined) throw new Error(`the emulator has no pool ${id}`);
    return pool;
  };

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    readBody(request, (body) => {
      if (request.url?.startsWith(CONTROL_PREFIX)) serveControl(emulator, { request, response, body });
      else serveAws(request, response, body);
    });
  });

  function serveAws(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    const { answer, misfortune } = answerCall(world, { headers: request.headers, body });
    deliver(response, answer, { ...misfortune, delayMs: misfortune.delayMs + latencyMs });
  }

  // Before it listens, so that a pool which is wrong leaves no server behind.
  for (const pool of options.pools ?? []) pools.set(pool.id, createPool(pool, now));
  const { host = '127.0.0.1' } = options;
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the emulator listens on no port');
  const { port } = address;

  const emulator: Emulator = {
    url: `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${port}`,
    port,
    addPool: (pool) => void pools.set(pool.id, createPool(pool, now)),
    removePool: (id) => void pools.delete(id),
    addUser: (poolId, user) => poolOf(poolId).add(user),
    removeUser: (poolId, email) => poolOf(poolId).remove(email),
    updateUser: (poolId, email, change) => poolOf(poolId).update(email, change),
    setFault: (fault) => faults.set(fault),
    clearFault: (id) => faults.clear(id),
    clearFaults: () => faults.clearAll(),
    get counts() {
      return counter.read();
    },
    resetCounts: () => counter.reset(),
    setLatency: (ms) => void (latencyMs = ms),
    setQuotas: (quotas) => throttle.set(quotas),
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections(); // those that hang would keep it open for ever
      await once(server, 'close');
    },
  };
  return emulator;
}

/** Longer than any test; a stale keep-alive socket has to be a fault that was asked for. */
const KEEP_ALIVE_MS = 65_000;

function readBody(request: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => done(Buffer.concat(chunks).toString()));
}

/** `Date.now` is looked up at each call, so that a test may set the clock. */
function now(): number {
  return Date.now();
}
