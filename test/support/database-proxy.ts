import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface DatabaseProxy extends AsyncDisposable {
  readonly url: string;
  /** From here on it passes everything on. */
  open(): void;
}

/** Stands before a PostgreSQL server: takes every connection and, until it is opened, never says a word. Default: a free port. */
export async function startSilentProxy(databaseUrl: string, port = 0): Promise<DatabaseProxy> {
  let isOpen = false;
  const proxy = await startProxy(databaseUrl, port, (client, reach) => {
    if (isOpen) client.pipe(reach()).pipe(client);
  });
  return { ...proxy, open: () => void (isOpen = true) };
}

/** ReadyForQuery, but for the byte that tells of a transaction (PostgreSQL: 54.7 Message Formats). */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);
/** What every session hears of a shutdown: an ErrorResponse with severity, code and message. */
const SHUTDOWN = errorResponse('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');

/**
 * Stands before a PostgreSQL server that shuts down as soon as it is ready for a session's first query: both arrive in one piece,
 * as they do where the client is busy.
 */
export async function startDyingProxy(databaseUrl: string): Promise<AsyncDisposable & { readonly url: string }> {
  return startProxy(databaseUrl, 0, (client, reach) => {
    const upstream = reach();
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      if (!chunk.subarray(-6, -1).equals(READY)) return void client.write(chunk);
      client.end(Buffer.concat([chunk, SHUTDOWN]));
      upstream.destroy();
    });
  });
}

function errorResponse(fields: string): Buffer {
  const header = Buffer.from('E0000');
  header.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([header, Buffer.from(fields)]);
}

/** `reach` connects to the server that it stands before. */
async function startProxy(
  databaseUrl: string,
  port: number,
  serve: (client: Socket, reach: () => Socket) => void,
): Promise<AsyncDisposable & { readonly url: string }> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) =>
    serve(keep(client), () => keep(connect(Number(target.port), target.hostname))),
  );
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port); // it listens on a port
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }
}
