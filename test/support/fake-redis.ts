import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface FakeRedis extends AsyncDisposable {
  readonly port: number;
  /** How many connections it has seen. */
  readonly connections: number;
}

/** In the protocol of Redis; `null`: none. `connection`: the first, the second and so on. */
export type Answer = (asked: { readonly connection: number; readonly port: number }) => string | null;

/**
 * What a Redis says in states that are hard to bring a real one into. It greets by itself, also as the one node of a
 * cluster, and answers everything else as told. `hangUp`: it accepts connections and closes them.
 */
export async function startFakeRedis(answer: Answer | 'hangUp'): Promise<FakeRedis> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {}); // the client went first
    if (answer === 'hangUp') return void socket.destroy();
    sockets.add(socket);
    const connection = connections;
    let hangs = false; // answers come in order, so one that does not come holds up all others
    onCommands(socket, (command) => {
      const said = hangs ? null : (greeting(command, port) ?? answer({ connection, port }));
      hangs = said === null;
      if (said !== null && socket.writable) socket.write(said);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port

  return {
    port,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** As many as a Redis has by default: the first that it lacks. */
const DATABASES = 16;

function greeting([name, what]: readonly string[], port: number): string | null {
  switch (`${name} ${what}`.toLowerCase().replace(/ undefined$/, '')) {
    case 'info':
      return bulk('role:master\r\nloading:0\r\nredis_version:6.2.14');
    case 'cluster info':
      return bulk('cluster_state:ok');
    case 'cluster slots':
      return `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n${bulk('127.0.0.1')}:${port}\r\n`;
    case `select ${DATABASES}`:
      return '-ERR DB index is out of range\r\n';
    default:
      return /^(?:hello|client|select)$/i.test(name ?? '') ? '+OK\r\n' : null;
  }
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** Commands come as arrays of strings. */
function onCommands(socket: Socket, take: (command: readonly string[]) => void): void {
  let unread = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    unread += chunk;
    for (let read = readCommand(unread); read !== null; read = readCommand(unread)) {
      unread = unread.slice(read.length);
      take(read.command);
    }
  });
}

/** `null`: it has not come in full. */
function readCommand(text: string): { readonly command: readonly string[]; readonly length: number } | null {
  const [head, count] = /^\*(\d+)\r\n/.exec(text) ?? [];
  if (head === undefined) return null;
  let at = head.length;
  const command: string[] = [];
  while (command.length < Number(count)) {
    const [size, bytes] = /^\$(\d+)\r\n/.exec(text.slice(at)) ?? [];
    if (size === undefined) return null;
    const from = at + size.length;
    at = from + Number(bytes) + 2;
    if (text.length < at) return null;
    command.push(text.slice(from, at - 2));
  }
  return { command, length: at };
}
