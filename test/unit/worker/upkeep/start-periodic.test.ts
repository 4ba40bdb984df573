import { describe, expect, test, vi } from 'vitest';
import { startPeriodic } from '../../../../src/worker/upkeep/start-periodic.ts';

const PAUSE_MS = 600_000; // nobody sees its end

describe('what is done periodically', () => {
  test('is done at once when somebody is in a hurry, and then goes on as before', async () => {
    const rounds = { begun: 0 };
    await using periodic = start(rounds, async () => {});
    await vi.waitFor(() => expect(rounds.begun).toBe(1));
    periodic.hurry();
    await vi.waitFor(() => expect(rounds.begun).toBe(2));
    await settle();
    expect(rounds.begun).toBe(2);
  });

  test('is done once more when the hurry came in the middle of a round', async () => {
    const gate = Promise.withResolvers<void>();
    const rounds = { begun: 0 };
    await using periodic = start(rounds, () => gate.promise);
    await vi.waitFor(() => expect(rounds.begun).toBe(1));
    periodic.hurry();
    await settle();
    expect(rounds.begun).toBe(1); // rounds never overlap
    gate.resolve();
    await vi.waitFor(() => expect(rounds.begun).toBe(2));
  });
});

function start(rounds: { begun: number }, work: () => Promise<void>) {
  return startPeriodic({
    pauseMs: () => PAUSE_MS,
    failed: (error) => {
      throw error;
    },
    async work() {
      rounds.begun += 1;
      await work();
    },
  });
}

/** All that can go on without a timer has gone on. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
