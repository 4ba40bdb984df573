import { createSeedWorker } from '#shared/queue/open-queue.ts';
import { queueTarget, RedisUrl } from '#shared/queue/queue-target.ts';
import { readOptions, tell, untilTold } from './conversation.ts';

/** A BullMQ worker whose processor does nothing, on the jobs and the connection of rolecall. */
const { seeds, concurrency } = readOptions<{ seeds: number; concurrency: number }>();
const { REDIS_URL, DATABASE_URL = '' } = process.env;
const target = queueTarget(REDIS_URL === undefined ? undefined : RedisUrl.parse(REDIS_URL), DATABASE_URL);

let done = 0;
const worker = createSeedWorker(target, async () => 'nothing', { concurrency });
const finished = new Promise<void>((resolve) => {
  worker.on('completed', () => {
    done += 1;
    if (done === seeds) resolve();
  });
});
await worker.waitUntilReady();

await untilTold(); // the queue is resumed right after it
await finished;
tell(done);
await worker.close();
