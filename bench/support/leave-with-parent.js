import { readFileSync, writeSync } from 'node:fs';

/*
 * Preloaded into every child of a bench. It leaves when the bench is gone, however that ended, and its last words are how
 * much memory it took. Not in TypeScript, which would have every child load what strips types.
 */
process.once('disconnect', () => process.exit(1));
process.channel?.unref(); // the listener above must not keep a process alive that is done
process.once('exit', () => writeSync(1, `\npeak memory ${peakKilobytes()} kB\n`));

/** `maxRSS` begins with what the parent had when it forked; Linux also keeps the process's own. */
function peakKilobytes() {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
