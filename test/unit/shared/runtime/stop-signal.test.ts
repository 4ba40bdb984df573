import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stopOnSignals } from '#shared/runtime/stop-signal.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function listen() {
  const source = new EventEmitter();
  const stopNow = vi.fn<() => void>();
  const signal = stopOnSignals(source, stopNow);
  return { source, stopNow, signal };
}

test('the first signal asks to stop, and another one later stops', () => {
  const { source, stopNow, signal } = listen();
  expect(signal.aborted).toBe(false);

  source.emit('SIGTERM');
  expect(signal.aborted).toBe(true);
  expect(stopNow).not.toHaveBeenCalled();

  vi.advanceTimersByTime(300);
  source.emit('SIGINT');
  expect(stopNow).toHaveBeenCalledOnce();
});

test('a Ctrl-C that npm passes on is the one that the terminal sent', () => {
  const { source, stopNow, signal } = listen();
  source.emit('SIGINT');
  vi.advanceTimersByTime(100);
  source.emit('SIGINT');
  expect(signal.aborted).toBe(true);
  expect(stopNow).not.toHaveBeenCalled();
});
