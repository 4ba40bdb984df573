import { once } from 'node:events';

/** What the bench hands a baseline; who reads it knows who wrote it. */
export function readOptions<Options>(): Options {
  return JSON.parse(process.argv[2] ?? '{}') as Options;
}

/** Everything is loaded and connected; from the next line on it is timed. */
export async function untilTold(): Promise<void> {
  process.channel?.ref();
  process.send?.('ready');
  await once(process, 'message');
  process.channel?.unref();
}

export function tell(result: string | number): void {
  process.send?.(result);
}
