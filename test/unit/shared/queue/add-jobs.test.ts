import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { Label } from '#shared/contract/label.ts';
import { addJobs, type SeedToQueue } from '#shared/queue/add-jobs.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';

const seed = (id: number): SeedToQueue => ({
  run: RunId.parse(1),
  tenant: TenantId.parse('flip'),
  seedId: SeedId.parse(id),
  label: Label.parse('a•••a@example.org'),
  ordinal: id,
});

async function* slowly(): AsyncGenerator<SeedToQueue> {
  for (let id = 1; id <= 1_000; id += 1) yield seed(id);
  await setImmediate(); // by now a rejection that nobody handles has ended the process
  yield seed(1_001);
}

test('a queue that is lost while the next seeds are fetched is told to the caller, and to nobody else', async () => {
  const lost = { addBulk: () => Promise.reject(new Error('lost')) } as unknown as SeedQueue; // all that is asked of it
  await expect(addJobs(lost, slowly())).rejects.toThrow('lost');
});
