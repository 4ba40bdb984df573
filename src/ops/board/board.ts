import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SeedJob } from '#shared/contract/seed-job.ts';
import { codeOf } from '#shared/errors/code-of.ts';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import { redact } from '#shared/runtime/logger.ts';
import { inTime } from '../gate/in-time.ts';
import { isCrossSite, isLoggedIn, isLoopbackName, type BoardAccess } from './board-access.ts';
import { isAllowed } from './board-guard.ts';

export const BOARD_PATH = '/board';
const API_PATH = `${BOARD_PATH}/api/`;

type MountedAccess = Exclude<BoardAccess, { kind: 'none' }>;

/**
 * Mounts Bull Board, which has neither login nor guard of its own: hiding a button would leave its route. The hooks stand
 * before everything it serves, its pages and files included.
 */
export function mountBoard(server: FastifyInstance, queue: SeedQueue, access: MountedAccess): void {
  const adapter = impatient(new FastifyAdapter().setBasePath(BOARD_PATH), queue);
  const seeds = new BullMQAdapter(queue, {
    readOnlyMode: access.mode === 'read',
    description: 'One job per seed. A failed job is a blocked seed: mend its cause, then retry it.',
  });
  seeds.setFormatter('name', ({ data }: { readonly data: unknown }) => titleOf(data));
  createBullBoard({
    queues: [seeds],
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'rolecall',
        hideDocsLink: true,
        miscLinks: [{ text: 'Gate', url: '/' }],
        jobDetails: { defaultTab: 'Error' },
      },
    },
  });
  server.register(
    async (board) => {
      board.addHook('onRequest', async (request, reply) => {
        reply.headers(HEADERS);
        return refuse(request, reply, access);
      });
      // What BullMQ itself writes into a job may quote anything; what looks like an email does not leave.
      board.addHook('onSend', async ({ routeOptions }, _, body) =>
        typeof body === 'string' && routeOptions.url?.startsWith(API_PATH) ? redact(body) : body,
      );
      await board.register(adapter.registerPlugin());
    },
    { prefix: BOARD_PATH },
  );
}

/**
 * On their own the handlers wait for the queue for as long as it takes, and whoever looks on waits with them. The bound is put
 * inside of the route, so Fastify gets one answer, and what a late handler returns is dropped.
 */
function impatient(adapter: FastifyAdapter, queue: SeedQueue): FastifyAdapter {
  const setApiRoutes = adapter.setApiRoutes.bind(adapter);
  adapter.setApiRoutes = (routes) =>
    setApiRoutes(
      routes.map((route) => ({
        ...route,
        handler: (request) => (queue.refusal === null ? answerInTime(route.handler(request)) : unavailable(REFUSED)),
      })),
    );
  return adapter;
}

/** Nothing is taken back: a queue that wakes up does what it was sent, so a retry may still come. */
async function answerInTime<Answer>(answer: Answer | Promise<Answer>) {
  try {
    return await inTime(Promise.resolve(answer));
  } catch (error) {
    if (codeOf(error) !== 'ETIMEDOUT') throw error;
    return unavailable(LATE);
  }
}

function unavailable(error: string) {
  return { status: 503 as 500, body: { error } }; // its types know no 503, its server sends any status
}

const REFUSED = 'Redis (REDIS_URL) has no database of that number, and what would be shown is another one';
const LATE = 'the queue does not answer in time; look again before you repeat what you did';

/** All jobs have the name of the queue; people look for a tenant and a person. */
function titleOf(payload: unknown): string {
  const { data } = SeedJob.safeParse(payload);
  return data === undefined ? 'unreadable job' : `${data.tenant} · ${data.label}`;
}

async function refuse(request: FastifyRequest, reply: FastifyReply, access: MountedAccess): Promise<unknown> {
  const { method, host, headers } = request;
  if (access.kind === 'login' && !isLoggedIn(access, headers.authorization)) {
    return reply.code(401).header('www-authenticate', CHALLENGE).send({ error: 'log in to see the board' });
  }
  if (access.kind === 'loopback' && !isLoopbackName(host)) {
    return reply.code(403).send({ error: 'without a login the board answers to names of this machine only' });
  }
  const fetchSite = headers['sec-fetch-site'];
  if (isCrossSite({ method, host, origin: headers.origin, fetchSite: fetchSite?.toString() })) {
    return reply.code(403).send({ error: 'the board may be changed by its own pages only' });
  }
  const route = (request.routeOptions.url ?? '').slice(BOARD_PATH.length);
  const params = request.params as Readonly<Record<string, string>>; // Fastify's, of the matched route
  if (isAllowed(access.mode, { method, route, params })) return undefined;
  return reply.code(403).send({ error: `not allowed: the board is for ${PURPOSE[access.mode]}` });
}

const PURPOSE = { read: 'looking on', replay: 'looking on and replaying' } as const;

export const CHALLENGE = 'Basic realm="rolecall", charset="UTF-8"';

/** The board's styles are partly inline; its fonts from Google stay out, and it does without. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;
