import type { EntityManager } from '@mikro-orm/postgresql';
import type { RunStatement } from '#shared/ledger/run-statement.ts';
import { connectRedis } from '#shared/queue/open-queue.ts';
import type { QueueTarget } from '#shared/queue/queue-target.ts';
import { createPostgresSlotBook } from './postgres-slot-book.ts';
import { createRedisSlotBook } from './redis-slot-book.ts';
import type { SlotBook } from './slot-book.ts';

/** Kept beside the queue, so that there is one more thing to run nowhere. The caller disposes of it. */
export function openSlotBook(
  target: QueueTarget,
  em: () => EntityManager,
  execute: RunStatement,
): SlotBook & Disposable {
  if (target.kind === 'postgres') return { ...createPostgresSlotBook(em, execute), [Symbol.dispose]: () => {} };
  const redis = connectRedis(target);
  return { ...createRedisSlotBook(redis), [Symbol.dispose]: () => redis.disconnect() };
}
