import { setFlagsFromString } from 'node:v8';

/**
 * For work that makes much and keeps little. What a file is parsed into lives as long as the file is read, from which V8
 * learns to put its like into the old generation at once; there it stays, dead, until a full collection, and keeps alive
 * what it points at. Measured over 100 files of 1,000 seeds each: a peak of 490 MB, without it 310 MB and less time.
 */
export async function withoutPretenuring<T>(work: () => Promise<T>): Promise<T> {
  setFlagsFromString('--no-allocation-site-pretenuring');
  try {
    return await work();
  } finally {
    setFlagsFromString('--allocation-site-pretenuring'); // the default, for whatever else this process does
  }
}
