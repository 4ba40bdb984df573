import type { EntityManager } from '@mikro-orm/postgresql';
import type { FastifyInstance } from 'fastify';
import type { ReleaseId } from '#shared/contract/ids.ts';
import { isLoggedIn, type BoardAccess } from '../board/board-access.ts';
import { CHALLENGE } from '../board/board.ts';
import { readOverview } from './overview.ts';
import { PAGE_HEADERS, renderStatusPage } from './status-page.ts';

export interface PageRouteOptions {
  readonly em: () => EntityManager;
  readonly release: ReleaseId | undefined;
  readonly board: BoardAccess;
}

/** `/`: masked labels for everybody; `/?emails` shows emails to whoever holds the board's login. */
export function addPageRoute(server: FastifyInstance, { em, release, board }: PageRouteOptions): void {
  const boardReplays = board.kind !== 'none' && board.mode === 'replay';
  server.get('/', async (request, reply) => {
    reply.headers(PAGE_HEADERS);
    const emails = board.kind === 'login' && Object.hasOwn(request.query ?? {}, 'emails');
    if (emails && !isLoggedIn(board, request.headers.authorization)) {
      return reply.code(401).header('www-authenticate', CHALLENGE).send('Log in to see emails.');
    }
    const overview = await readOverview(em, { release, emails });
    return reply
      .code(overview.kind === 'unreachable' ? 503 : 200)
      .send(renderStatusPage({ overview, board: board.kind, boardReplays, emails }));
  });
}
