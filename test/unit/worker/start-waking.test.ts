import { describe, expect, test, vi } from 'vitest';
import { startWaking } from '../../../src/worker/start-waking.ts';

/** Less than the pause of a worker that knows of nobody. */
const QUICKLY = { timeout: 800, interval: 5 };

describe('who wakes those that wait for a turn', () => {
  test('looks at once when there is a first one, and quickly from then on', async () => {
    let waits = false;
    const wake = vi.fn(async () => waits);
    await using waking = startWaking({ wake, failed: () => {} });
    await vi.waitFor(() => expect(wake).toHaveBeenCalledOnce());
    waits = true;
    waking.parked();
    await vi.waitFor(() => expect(wake.mock.calls.length).toBeGreaterThan(4), QUICKLY);
  });

  test('does not forget who was parked while it looked and saw nobody', async () => {
    const looking = Promise.withResolvers<boolean>();
    const wake = vi.fn(() => looking.promise);
    await using waking = startWaking({ wake, failed: () => {} });
    await vi.waitFor(() => expect(wake).toHaveBeenCalledOnce());
    waking.parked();
    looking.resolve(false);
    await vi.waitFor(() => expect(wake.mock.calls.length).toBeGreaterThan(1), QUICKLY);
  });

  test('looks slowly while it cannot, so that an outage does not fill the log', async () => {
    const failed = vi.fn();
    await using waking = startWaking({ wake: () => Promise.reject(new Error('away')), failed });
    await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce());
    waking.parked();
    await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(2), QUICKLY);
    await expect(vi.waitFor(() => expect(failed.mock.calls.length).toBeGreaterThan(2), QUICKLY)).rejects.toThrow();
  });
});
