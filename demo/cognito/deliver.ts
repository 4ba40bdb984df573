import type { ServerResponse } from 'node:http';
import type { Misfortune } from './fault-list.ts';
import type { HttpAnswer } from './http-answer.ts';

/**
 * Writes the answer, or as much of it as the fault lets through. Timers die with the connection, so that neither a
 * client that gave up nor a closed emulator leaves one behind.
 */
export function deliver(
  response: ServerResponse,
  answer: HttpAnswer,
  { fault, delayMs, dateSkewMs }: Misfortune,
): void {
  if (delayMs > 0) {
    const timer = setTimeout(() => deliver(response, answer, { fault, delayMs: 0, dateSkewMs }), delayMs);
    response.once('close', () => clearTimeout(timer));
    return;
  }
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }

  const body = Buffer.from(answer.body);
  const date = new Date(Date.now() + dateSkewMs).toUTCString();
  response.writeHead(answer.status, { ...answer.headers, date, 'content-length': body.length });
  switch (fault?.kind) {
    case 'stall-body':
      response.write(firstHalf(body));
      return;
    case 'reset-mid-body':
      response.write(firstHalf(body), () => {
        const timer = setTimeout(() => response.socket?.resetAndDestroy(), RESET_AFTER_MS);
        response.once('close', () => clearTimeout(timer));
      });
      return;
    case 'trickle':
      trickle(response, body, fault.bytesPerSecond ?? DEFAULT_BYTES_PER_SECOND);
      return;
    default:
      response.end(body);
  }
}

/** An RST may make the client's kernel drop what it has not read yet; so long, it has time to read the headers. */
const RESET_AFTER_MS = 20;
/** A page of one user takes about half a minute: longer than any sensible time-out. */
const DEFAULT_BYTES_PER_SECOND = 10;

function firstHalf(body: Buffer): Buffer {
  return body.subarray(0, Math.floor(body.length / 2));
}

function trickle(response: ServerResponse, body: Buffer, bytesPerSecond: number): void {
  const everyMs = Math.max(10, 1000 / bytesPerSecond); // finer than that, timers are too coarse
  const drop = Math.max(1, Math.round((bytesPerSecond * everyMs) / 1000));
  let sent = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sent, sent + drop));
    sent += drop;
    if (sent >= body.length) response.end();
  }, everyMs);
  response.once('close', () => clearInterval(timer));
}
