import { z } from 'zod';
import { httpEnv, ledgerEnv, parseEnv, type Env } from '#shared/config/env.ts';
import { ReleaseId } from '#shared/contract/ids.ts';
import type { LedgerTarget } from '#shared/ledger/ledger.ts';
import { queueTarget, RedisUrl, type QueueTarget } from '#shared/queue/queue-target.ts';
import type { HttpTarget } from '#shared/runtime/probe-server.ts';
import { isLoopback, type BoardAccess } from './board/board-access.ts';
import { BoardMode } from './board/board-guard.ts';

/** What `gate` and `status` need: the ledger alone. */
export interface LedgerConfig {
  readonly ledger: LedgerTarget;
  /** The release that is asked about when the question names none. */
  readonly release: ReleaseId | undefined;
}

/** What `replay` needs. */
export interface ReplayConfig extends LedgerConfig {
  readonly queue: QueueTarget;
}

export interface OpsConfig extends ReplayConfig {
  readonly http: HttpTarget;
  readonly board: BoardAccess;
}

const ledgerShape = { ...ledgerEnv, ROLECALL_RELEASE: ReleaseId.optional() };
const replayShape = { ...ledgerShape, REDIS_URL: RedisUrl.optional() };
const opsShape = {
  ...replayShape,
  ...httpEnv,
  ROLECALL_BOARD_USER: z
    .string()
    .regex(/^[^:]+$/, 'a name without ":", which ends it in HTTP Basic')
    .optional(),
  ROLECALL_BOARD_PASSWORD: z.string().optional(),
  ROLECALL_BOARD_MODE: BoardMode.default('replay'),
};

export function parseLedgerConfig(env: Env): LedgerConfig {
  return ledgerConfig(parseEnv(ledgerShape, env), 1);
}

export function parseReplayConfig(env: Env): ReplayConfig {
  return replayConfig(parseEnv(replayShape, env), 2);
}

export function parseOpsConfig(env: Env): OpsConfig {
  const parsed = parseEnv(opsShape, env, isHalfALogin);
  const { HOST: host, PORT: port } = parsed;
  return { ...replayConfig(parsed, 5), http: { host, port }, board: boardAccess(parsed) };
}

function ledgerConfig(env: z.output<z.ZodObject<typeof ledgerShape>>, maxConnections: number): LedgerConfig {
  return { ledger: { url: env.DATABASE_URL, maxConnections }, release: env.ROLECALL_RELEASE };
}

function replayConfig(env: z.output<z.ZodObject<typeof replayShape>>, maxConnections: number): ReplayConfig {
  return { ...ledgerConfig(env, maxConnections), queue: queueTarget(env.REDIS_URL, env.DATABASE_URL) };
}

/** A mistake, and an open board would be the worse guess. */
function isHalfALogin(present: Env): string | null {
  const [missing, ...others] = ['ROLECALL_BOARD_USER', 'ROLECALL_BOARD_PASSWORD'].filter(
    (name) => present[name] === undefined,
  );
  return missing === undefined || others.length > 0
    ? null
    : `${missing}: not set, and the other half of the board's login is`;
}

function boardAccess(env: z.output<z.ZodObject<typeof opsShape>>): BoardAccess {
  const { ROLECALL_BOARD_USER: user, ROLECALL_BOARD_PASSWORD: password, ROLECALL_BOARD_MODE: mode, HOST: host } = env;
  if (user !== undefined && password !== undefined) return { kind: 'login', user, password, mode };
  return isLoopback(host) ? { kind: 'loopback', mode } : { kind: 'none' };
}
