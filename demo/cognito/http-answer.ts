import { randomUUID } from 'node:crypto';
import type { Fault } from './faults.ts';
import type { Refusal } from './reply.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const AWS_JSON = 'application/x-amz-json-1.1';

/** AWS JSON 1.1: the name is in the body and, with a colon behind it, in a header. */
export function jsonError({ name, message, status }: Refusal): HttpAnswer {
  return {
    status: status ?? (name.startsWith('Internal') ? 500 : 400), // a throttle and an absent pool too are a 400
    headers: {
      'content-type': AWS_JSON,
      'x-amzn-requestid': randomUUID(),
      'x-amzn-errortype': `${name}:`,
      'x-amzn-errormessage': message.replaceAll(/[^\x20-\x7e]/g, '?'), // a header holds no line breaks
    },
    body: JSON.stringify({ __type: name, message }),
  };
}

export function jsonResult(body: object): HttpAnswer {
  const headers = { 'content-type': AWS_JSON, 'x-amzn-requestid': randomUUID() };
  return { status: 200, headers, body: JSON.stringify(body) };
}

/** What a load balancer, a proxy or a broken host says, in its own words. */
export function rawAnswer({ status = 503, contentType, body = '' }: Fault): HttpAnswer {
  const guessed = body.startsWith('<') ? 'text/html' : AWS_JSON;
  return { status, headers: { 'content-type': contentType ?? guessed }, body };
}
