import type { EntityManager } from '@mikro-orm/postgresql';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ManifestName, ReleaseId, TenantId } from '#shared/contract/ids.ts';
import { askGate } from './gate/ask-gate.ts';

/** Strict: a mistyped parameter must not be answered with the gate of another release. */
const GateParams = z.strictObject({
  name: ManifestName.optional(),
  release: ReleaseId.optional(),
  tenant: TenantId.optional(),
});

export interface GateRouteOptions {
  /** A fresh one for every question. */
  readonly em: () => EntityManager;
  /** The release that is meant when the question names none. */
  readonly release: ReleaseId | undefined;
}

/** `/gate`: 200 open, 503 closed, 400 when the question makes no sense. */
export function addGateRoute(server: FastifyInstance, { em, release }: GateRouteOptions): void {
  server.get('/gate', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const query = GateParams.safeParse(request.query);
    if (!query.success) return reply.code(400).send({ error: z.prettifyError(query.error) });
    const answer = await askGate(em(), { ...query.data, release: query.data.release ?? release });
    if (answer.kind === 'ambiguous') {
      return reply.code(400).send({ error: 'several manifests fit: say which by ?name=', names: answer.names });
    }
    return reply.code(answer.gate.open ? 200 : 503).send(answer.gate);
  });
}
