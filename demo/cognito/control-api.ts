import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Emulator } from './emulator.ts';
import { readFault, readNumbers, readPool, readUser, readUserChange } from './control-input.ts';

export const CONTROL_PREFIX = '/_emulator/';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: string;
}

/** Scripts the emulator from another process. Only from this host: who may reach it may make anybody an admin. */
export function serveControl(emulator: Emulator, { request, response, body }: Exchange): void {
  if (!LOOPBACK.has(request.socket.remoteAddress ?? '')) return send(response, 403, { error: 'loopback only' });
  try {
    const path = (request.url ?? '').slice(CONTROL_PREFIX.length).split('/').map(decodeURIComponent);
    const answer = control(emulator, { method: request.method ?? '', path, body });
    return answer === NO_ROUTE ? send(response, 404, { error: 'no such route' }) : send(response, 200, answer ?? {});
  } catch (error) {
    return send(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);
const NO_ROUTE = Symbol('no route');

interface Order {
  readonly method: string;
  readonly path: readonly string[];
  readonly body: string;
}

function control(emulator: Emulator, { method, path, body }: Order): unknown {
  const [, id = '', , email = ''] = path;
  const json = (): unknown => JSON.parse(body);
  switch (`${method} ${routeOf(path)}`) {
    case 'GET health':
      return { status: 'ok' };
    case 'GET counts':
      return emulator.counts;
    case 'DELETE counts':
      return emulator.resetCounts();
    case 'POST faults':
      return { id: emulator.setFault(readFault(json())) };
    case 'DELETE faults':
      return emulator.clearFaults();
    case 'DELETE faults/*':
      return emulator.clearFault(id);
    case 'POST pools':
      return emulator.addPool(readPool(json()));
    case 'DELETE pools/*':
      return emulator.removePool(id);
    case 'POST pools/*/users':
      return emulator.addUser(id, readUser(json()));
    case 'PATCH pools/*/users/*':
      return emulator.updateUser(id, email, readUserChange(json()));
    case 'DELETE pools/*/users/*':
      return emulator.removeUser(id, email);
    case 'POST latency':
      return emulator.setLatency(readNumbers(json(), ['ms'])['ms'] ?? 0);
    case 'POST quotas':
      return emulator.setQuotas(readNumbers(json(), ['UserList', 'UserRead', 'UserPoolRead']));
    default:
      return NO_ROUTE;
  }
}

/** Every second segment is an id. */
function routeOf(path: readonly string[]): string {
  return path.map((segment, at) => (at % 2 === 1 ? '*' : segment)).join('/');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
