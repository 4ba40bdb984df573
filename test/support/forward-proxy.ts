import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ForwardProxy extends AsyncDisposable {
  readonly url: string;
  /** `host:port` of every tunnel that was asked for. */
  readonly asked: readonly string[];
  /** Answers this from here on, instead of opening a tunnel. */
  refuse(status: number | null): void;
}

/** An HTTP proxy that opens tunnels (CONNECT: RFC 9110, section 9.3.6), for whoever has the password. */
export async function startForwardProxy(credentials: string): Promise<ForwardProxy> {
  const sockets = new Set<Duplex>();
  const asked: string[] = [];
  let refusal: number | null = null;
  const expected = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const server = createServer().on('connect', ({ url = '', headers }, client) => {
    keep(client);
    asked.push(url);
    const status = headers['proxy-authorization'] === expected ? refusal : 407;
    if (status !== null) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const { hostname, port } = new URL(`tcp://${url}`);
    const upstream = keep(
      connect(Number(port), hostname, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.pipe(upstream).pipe(client);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://${credentials}@127.0.0.1:${(server.address() as AddressInfo).port}`, // no pipe
    asked,
    refuse: (status) => void (refusal = status),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };

  function keep<S extends Duplex>(socket: S): S {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }
}
