import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Log } from './logger.ts';
import { UnreachableError } from './wait-until-reachable.ts';

/** `null`: fine. Otherwise what is wrong, in words without secrets. */
export type Check = () => Promise<string | null>;

export interface ProbeServerOptions {
  /** This process works: restart it when one of these fails. */
  readonly live: Readonly<Record<string, Check>>;
  /** What it depends on answers. */
  readonly ready: Readonly<Record<string, Check>>;
  readonly metrics: Registry;
}

export interface HttpTarget {
  readonly host: string;
  readonly port: number;
}

/** `/livez`, `/readyz` and `/metrics` for every long-lived process. The caller adds its routes, listens and closes. */
export function createProbeServer({ live, ready, metrics }: ProbeServerOptions): FastifyInstance {
  const server = fastify({ logger: false, forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } });
  server.get('/livez', async (_, reply) => answer(reply, await problemsOf(live)));
  server.get('/readyz', async (_, reply) => answer(reply, await problemsOf(ready)));
  server.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  return server;
}

/** Listens and says where; port 0 takes a free one. A port in use is a dependency that cannot be had. */
export async function listen(server: FastifyInstance, { host, port }: HttpTarget, log: Log): Promise<string> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code; // listen fails with a system error
    throw new UnreachableError(`cannot listen on ${host}:${port} (${code}); choose another with HOST and PORT`, {
      cause,
    });
  }
  const [bound] = server.addresses();
  const address = typeof bound === 'object' ? bound : { address: host, family: '', port };
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  log.info({ url }, 'listening');
  return url;
}

async function problemsOf(checks: Readonly<Record<string, Check>>): Promise<Record<string, string>> {
  const asked = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await check().catch(() => 'the check failed')] as const),
  );
  return Object.fromEntries(asked.flatMap(([name, problem]) => (problem === null ? [] : [[name, problem] as const])));
}

function answer(reply: { code(status: number): { send(body: unknown): unknown } }, problems: Record<string, string>) {
  const ok = Object.keys(problems).length === 0;
  return reply.code(ok ? 200 : 503).send({ ok, ...(!ok && { problems }) });
}
