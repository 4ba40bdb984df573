/** Pure: the smallest sample that at least this share (0…1) of all samples does not exceed. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const sample = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (sample === undefined) throw new Error('there is no sample');
  return sample;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** One after another, so that no two disturb each other. `nth`: from 1. */
export async function repeat<T>(times: number, measure: (nth: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let nth = 1; nth <= times; nth += 1) results.push(await measure(nth));
  return results;
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
