import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (Linux: 32768 and up, ip(7); IANA: 49152 and up): until a server
 * listens that takes a second to start, one of those may be somebody else's.
 */
const [FROM, TO] = [20_000, 32_768];

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FROM, TO);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false, // `once` rejects with the error: it is taken
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
