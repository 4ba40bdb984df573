import { Email, RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { maskEmail } from '#shared/contract/label.ts';
import { seedJobId, seedPriority, SEED_QUEUE, type SeedJob } from '#shared/contract/seed-job.ts';
import { openQueue } from '#shared/queue/open-queue.ts';
import { queueTarget, RedisUrl } from '#shared/queue/queue-target.ts';
import { emailOf } from '../support/tenants.ts';
import { readOptions } from './conversation.ts';

/** BullMQ's addBulk and nothing else, with the ids, payloads and options that rolecall gives its jobs. */
const { tenants, seeds } = readOptions<{ tenants: number; seeds: number }>();
const { REDIS_URL, DATABASE_URL = '' } = process.env;
const queue = openQueue(queueTarget(REDIS_URL === undefined ? undefined : RedisUrl.parse(REDIS_URL), DATABASE_URL));

const CHUNK = 1_000;
const OPTIONS = {
  attempts: 2_147_483_647,
  backoff: { type: 'custom' },
  stackTraceLimit: 1,
  removeOnFail: false,
} as const;

for (let at = 0; at < tenants * seeds; at += CHUNK) {
  const chunk = Array.from({ length: Math.min(CHUNK, tenants * seeds - at) }, (_, n) => jobOf(at + n));
  await queue.addBulk(chunk);
}
await queue[Symbol.asyncDispose]();

function jobOf(n: number) {
  const data: SeedJob = {
    v: 1,
    run: RunId.parse(1),
    tenant: TenantId.parse(`tenant-${Math.floor(n / seeds)}`),
    seedId: SeedId.parse(n + 1),
    label: maskEmail(Email.parse(emailOf(n % seeds))),
  };
  return { name: SEED_QUEUE, data, opts: { ...OPTIONS, jobId: seedJobId(data), priority: seedPriority(n % seeds) } };
}
