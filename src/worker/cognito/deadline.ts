/** A signal that is aborted with another one, or when its time is over, unless it was disposed of before. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * As `AbortSignal.any([signal, AbortSignal.timeout(ms)])`, but what is done in time is rid of it: that timer would go off all
 * the same, in every request's wake, and make an error with a stack for nobody. It took a twentieth of a worker's time.
 */
export function startDeadline(signal: AbortSignal, ms: number): Deadline {
  const deadline = new AbortController();
  const abort = () => deadline.abort(signal.reason);
  const timer = setTimeout(() => deadline.abort(new DOMException('it takes too long', 'TimeoutError')), ms);
  timer.unref();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return {
    signal: deadline.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    },
  };
}
