import { ReplyError } from 'ioredis';
import type { Reason } from '#shared/contract/reasons.ts';
import { redisErrorCode } from '#shared/errors/redis-error-code.ts';
import { classifyDatabaseError } from '../grants/database-errors.ts';

/** What Redis says when it refuses for good: a missing right, a login, a bug of ours. All else passes by itself. */
const REFUSED_BY_REDIS: ReadonlySet<string> = new Set(['ERR', 'NOPERM', 'NOAUTH', 'WRONGPASS', 'WRONGTYPE']);

/** An error of what keeps the slots. It is nobody's verdict on a tenant, so no reason of a tenant's comes out of it. */
export function classifySlotError(error: unknown): Reason {
  if (!(error instanceof Error)) return 'unexpected';
  if (error instanceof ReplyError) {
    return REFUSED_BY_REDIS.has(redisErrorCode(error.message)) ? 'unexpected' : 'queue-unavailable';
  }
  if (isRedisAway(error)) return 'queue-unavailable';
  if (error.name === 'AbortError') return 'timeout'; // this process shuts down while the seed waits for its slot
  const reason = classifyDatabaseError(error);
  return reason === 'database-unavailable' || reason === 'database-conflict' ? reason : 'unexpected';
}

/** These have no code, and some are an AbortError. The last one is a connection that brings something else than Redis. */
const NO_ANSWER_OF_REDIS = [
  'Command timed out',
  'Command aborted due to connection close',
  'Connection is closed',
  'Reached the max retries per request limit',
  "Stream isn't writeable",
  'Too many Cluster redirections',
  'None of startup nodes is available',
  'Cluster is ended',
  'Cluster is disconnect', // …ed, …ing
  "Cluster isn't ready",
  'Failed to refresh slots cache',
  'Node is disconnected',
  'All sentinels are unreachable',
  'Unknown RESP type',
];

/** What ioredis says when there was no reply (its Redis, Command, Pipeline, cluster/, connectors/ and resp/). */
function isRedisAway({ message }: Error): boolean {
  return NO_ANSWER_OF_REDIS.some((beginning) => message.startsWith(beginning));
}
