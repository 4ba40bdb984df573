import { expect } from 'vitest';
import { createLogger } from '#shared/runtime/logger.ts';
import { createSeedConsumer, startConsuming } from '../../src/worker/consume.ts';
import { failed } from '../../src/worker/outcome.ts';
import { untilDelayed } from '../support/ledger.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

describeOnBothPlatforms('a seed that has to wait for its turn', (queueTest) => {
  queueTest('comes back by itself where nobody could be told to wake it', async ({ produce, queue, target }) => {
    await produce({ tenants: [{ seeds: ['ada@example.org'] }] }, 'v1');
    const lines: string[] = [];
    const log = createLogger('info', (line) => lines.push(line));
    const worker = createSeedConsumer({
      target,
      concurrency: 1,
      timing: { backoff: { baseMs: 1, capMs: 1, random: Math.random }, recheckMs: 1, waitMs: 1 },
      handle: async () => ({ kind: 'paced', waitMs: 60_000, domain: 'own/eu-west-2/user-list' }),
      unforeseen: (error) => failed('unexpected', error),
      record: async () => true,
      park: () => Promise.reject(new Error('Connection is closed.')),
      settled: () => {},
      now: Date.now,
      log,
    });
    startConsuming(worker, log);

    await untilDelayed(queue, 1);
    await expect.poll(() => lines.join('')).toContain('will not be woken');
    await worker.close();
    const [job] = await queue.getJobs(['delayed']);
    expect(job?.attemptsMade).toBe(0);
    expect(job?.delay).toBeGreaterThan(50_000);
    expect(lines.join('')).not.toMatch(/could not be written down|"queue"/);
  });
});
