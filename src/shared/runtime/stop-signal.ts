/**
 * Ctrl-C reaches npm and us at once, and npm passes it on: the same signal comes twice. Sooner than this nobody presses again,
 * and a busy machine needs some milliseconds.
 */
const SAME_SIGNAL_MS = 200;

/** The first signal asks to stop, the second stops: whoever sends it does not want to wait for us. */
export function stopOnSignals(source: Pick<NodeJS.EventEmitter, 'on'>, stopNow: () => void): AbortSignal {
  const stop = new AbortController();
  let askedAtMs = 0;
  for (const name of ['SIGTERM', 'SIGINT']) {
    source.on(name, () => {
      if (!stop.signal.aborted) {
        askedAtMs = performance.now();
        stop.abort();
      } else if (performance.now() - askedAtMs > SAME_SIGNAL_MS) stopNow();
    });
  }
  return stop.signal;
}
