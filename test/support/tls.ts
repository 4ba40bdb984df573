import { chown, copyFile, chmod, readFile, stat } from 'node:fs/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { createServer } from 'node:tls';
import { startPostgres } from './postgres.ts';
import { execute } from './sql.ts';

const fixture = (name: string) => join(import.meta.dirname, 'tls', name);

/** Signed the certificate of `localhost`, until the year 2126, and no other: nobody kept its key. */
export const AUTHORITY = fixture('authority.pem');
const CERTIFICATE = fixture('server.pem');
const KEY = fixture('server.key');

/** A PostgreSQL that speaks TLS to whoever wants it, as `localhost`. */
export async function startTlsPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const { url, stop } = await startPostgres();
  const [{ data_directory: directory = '' } = {}] = await execute<{ data_directory: string }>(
    url,
    'show data_directory',
  );
  const { uid, gid } = await stat(directory); // it reads no key that others may read, or own
  for (const file of [CERTIFICATE, KEY]) {
    const copy = join(directory, basename(file));
    await copyFile(file, copy);
    await chmod(copy, 0o600);
    await chown(copy, uid, gid);
  }
  for (const setting of [`ssl_cert_file = 'server.pem'`, `ssl_key_file = 'server.key'`, 'ssl = on']) {
    await execute(url, `alter system set ${setting}`);
  }
  await execute(url, 'select pg_reload_conf()');
  return { url: withHost(url, 'localhost'), stop };
}

/** Speaks TLS as `localhost`, before a server that does not. */
export async function startTlsProxy(url: string): Promise<{ url: string; stop: () => void }> {
  const { hostname, port, protocol } = new URL(url);
  const sockets = new Set<Socket>();
  const [cert, key] = await Promise.all([readFile(CERTIFICATE), readFile(KEY)]);
  const server = createServer({ cert, key }, (client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}); // whoever was refused leaves without a word
      socket.on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const secure = new URL(withHost(url, 'localhost').replace(protocol, `${protocol.slice(0, -1)}s:`));
  secure.port = `${(server.address() as AddressInfo).port}`; // no pipe
  return {
    url: secure.href,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function withHost(url: string, host: string): string {
  const changed = new URL(url);
  changed.hostname = host;
  return changed.href;
}
