import { ReplyError } from 'ioredis';
import type { Reason } from '#shared/contract/reasons.ts';
import { classifyDatabaseError } from '../grants/database-errors.ts';

/** What Redis says when it refuses for good: a missing right, a login, a bug of ours. All else passes by itself. */
const REFUSED_BY_REDIS = /^(?:ERR|NOPERM|NOAUTH|WRONGPASS|WRONGTYPE)\b/;

/** An error of what keeps the slots. It is nobody's verdict on a tenant, so no reason of a tenant's comes out of it. */
export function classifySlotError(error: unknown): Reason {
  if (!(error instanceof Error)) return 'unexpected';
  if (error.name === 'AbortError') return 'timeout'; // this process shuts down while the seed waits for its slot
  if (error instanceof ReplyError) return REFUSED_BY_REDIS.test(error.message) ? 'unexpected' : 'queue-unavailable';
  if (/^Command timed out|^Connection is closed|max retries per request|Stream isn't writeable/i.test(error.message)) {
    return 'queue-unavailable'; // ioredis gives these no code
  }
  const reason = classifyDatabaseError(error);
  return reason === 'database-unavailable' || reason === 'database-conflict' ? reason : 'unexpected';
}
