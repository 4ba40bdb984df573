import { z } from 'zod';

/** `replay` lets an operator run failed and delayed jobs again; nothing lets a browser change or remove them. */
export const BoardMode = z.enum(['read', 'replay']);
export type BoardMode = z.infer<typeof BoardMode>;

export interface BoardRequest {
  readonly method: string;
  /** The route that the server matched, below the board: no spelling of a path gets around it. */
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * What `replay` allows beyond reading. Everything that Bull Board has or will have besides is refused: adding, editing,
 * removing and pausing jobs would set the queue against the ledger.
 */
const REPLAYS: Readonly<Record<string, (params: BoardRequest['params']) => boolean>> = {
  'PUT /api/queues/:queueName/:jobId/retry': () => true,
  // Completed jobs have made their grant: to run them again is pointless.
  'PUT /api/queues/:queueName/retry/:queueStatus': ({ queueStatus }) => queueStatus === 'failed',
  'PUT /api/queues/:queueName/:jobId/promote': () => true,
  'PUT /api/queues/:queueName/promote': () => true,
};

/** Pure: an allowlist. */
export function isAllowed(mode: BoardMode, { method, route, params }: BoardRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  const key = `${method} ${route}`;
  return mode === 'replay' && Object.hasOwn(REPLAYS, key) && REPLAYS[key]?.(params) === true;
}
