import { once } from 'node:events';
import type { RunningProcess } from './cli.ts';

/** What a process must be started with, so that its heap can be measured. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** Bytes that are in use once all garbage is gone. */
export async function heapUsed(process: RunningProcess): Promise<number> {
  const [url = ''] = await process.untilSays(/ws:\/\/\S+/);
  const inspector = new WebSocket(url);
  await once(inspector, 'open');
  const ask = async (id: number, method: string) => {
    inspector.send(JSON.stringify({ id, method }));
    const [{ data }] = (await once(inspector, 'message')) as [{ data: string }];
    return (JSON.parse(data) as { result: { usedSize?: number } }).result;
  };
  await ask(1, 'HeapProfiler.collectGarbage');
  const { usedSize = 0 } = await ask(2, 'Runtime.getHeapUsage');
  inspector.close();
  return usedSize;
}
