import { describe, expect, test, vi } from 'vitest';
import { startWaking } from '../../../src/worker/start-waking.ts';

/** Less than the pause of a worker that knows of nobody. */
const QUICKLY = { timeout: 800, interval: 5 };

describe('who wakes those that wait for a turn', () => {
  test('looks at once when there is a first one, and quickly from then on', async () => {
    const rounds = { begun: 0, somebodyWaits: false };
    await using waking = startWaking({
      async wake() {
        rounds.begun += 1;
        return rounds.somebodyWaits;
      },
      failed: () => {},
    });
    await vi.waitFor(() => expect(rounds.begun).toBe(1));
    await new Promise((resolve) => setImmediate(resolve)); // the round is over, and the slow pause has begun
    rounds.somebodyWaits = true;
    waking.hurry();
    await vi.waitFor(() => expect(rounds.begun).toBeGreaterThan(4), QUICKLY);
  });

  test('does not forget who was parked while it looked and saw nobody', async () => {
    const seesNobody = Promise.withResolvers<boolean>();
    const rounds = { begun: 0 };
    await using waking = startWaking({
      async wake() {
        rounds.begun += 1;
        return rounds.begun === 1 ? true : seesNobody.promise;
      },
      failed: () => {},
    });
    await vi.waitFor(() => expect(rounds.begun).toBe(2), QUICKLY);
    waking.hurry();
    seesNobody.resolve(false);
    await vi.waitFor(() => expect(rounds.begun).toBe(3), QUICKLY);
  });

  test('looks slowly while it cannot, so that an outage does not fill the log', async () => {
    const failedAt: number[] = [];
    await using waking = startWaking({
      wake: () => Promise.reject(new Error('away')),
      failed: () => void failedAt.push(performance.now()),
    });
    await vi.waitFor(() => expect(failedAt).toHaveLength(1));
    waking.hurry();
    await vi.waitFor(() => expect(failedAt).toHaveLength(2), QUICKLY);
    await vi.waitFor(() => expect(failedAt).toHaveLength(3), { timeout: 5_000 });
    expect(failedAt[2]! - failedAt[1]!).toBeGreaterThan(QUICKLY.timeout);
  });
});
