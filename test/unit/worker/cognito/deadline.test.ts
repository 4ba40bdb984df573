import { expect, test, vi } from 'vitest';
import { startDeadline } from '../../../../src/worker/cognito/deadline.ts';

const DEADLINE_MS = 5_000;

test('a deadline ends what takes too long', ({ onTestFinished }) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  using deadline = startDeadline(new AbortController().signal, DEADLINE_MS);

  vi.advanceTimersByTime(DEADLINE_MS - 1);
  expect(deadline.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);

  expect(deadline.signal.reason).toMatchObject({ name: 'TimeoutError' });
});

test.for(['before', 'after'])('it ends with the job, whose end came %s it began', (when) => {
  const job = new AbortController();
  const shuttingDown = new Error('shutting down');
  if (when === 'before') job.abort(shuttingDown);
  using deadline = startDeadline(job.signal, DEADLINE_MS);

  if (when === 'after') job.abort(shuttingDown);

  expect(deadline.signal.reason).toBe(shuttingDown);
});

test('what is done in time leaves nothing behind', ({ onTestFinished }) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const job = new AbortController();
  const deadline = startDeadline(job.signal, DEADLINE_MS);

  deadline[Symbol.dispose]();

  expect(vi.getTimerCount()).toBe(0);
  job.abort();
  expect(deadline.signal.aborted).toBe(false);
});
