import { appRoutes } from '@bull-board/api/dist/routes.js';
import { expect, test } from 'vitest';
import { isAllowed, type BoardMode } from '../../../src/ops/board/board-guard.ts';

/** Every route of the Bull Board that is installed, so that an upgrade cannot add one unseen. */
const routes = appRoutes.api.flatMap(({ method, route }) =>
  [method].flat().flatMap((verb) => [route].flat().map((path) => ({ method: verb.toUpperCase(), route: path }))),
);

const allowed = (mode: BoardMode, queueStatus = 'failed') =>
  routes
    .filter(({ method }) => method !== 'GET')
    .filter((each) => isAllowed(mode, { ...each, params: { queueStatus } }))
    .map(({ method, route }) => `${method} ${route}`);

test('a board for looking on changes nothing', () => {
  expect(allowed('read')).toEqual([]);
});

test('a board for replaying retries and promotes, and nothing else', () => {
  expect(allowed('replay').toSorted()).toEqual([
    'PUT /api/queues/:queueName/:jobId/promote',
    'PUT /api/queues/:queueName/:jobId/retry',
    'PUT /api/queues/:queueName/promote',
    'PUT /api/queues/:queueName/retry/:queueStatus',
  ]);
});

test('completed jobs are not retried', () => {
  expect(allowed('replay', 'completed')).not.toContain('PUT /api/queues/:queueName/retry/:queueStatus');
});

test.for(['read', 'replay'] as const)('everything may be read in mode %s', (mode) => {
  for (const each of routes.filter(({ method }) => method === 'GET')) {
    expect(isAllowed(mode, { ...each, params: {} })).toBe(true);
  }
});

test.for(['constructor', 'PUT /api/queues/:queueName/:jobId/retry/', 'put /api/queues/:queueName/:jobId/retry'])(
  'what is not in the table is refused: %s',
  (key) => {
    const [method = '', route = ''] = key.split(' ');

    expect(isAllowed('replay', { method, route, params: {} })).toBe(false);
  },
);
