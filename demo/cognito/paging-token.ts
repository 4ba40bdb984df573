import { createHash } from 'node:crypto';

/** Where a chain of pages goes on. */
export interface PagePlace {
  readonly ordinal: number;
  readonly emptyPages: number;
}

/** AWS docs: API_ListUsers. */
const LIFETIME_MS = 60 * 60 * 1000;

/** A token is good for one pool and one filter only, as at AWS (aws/aws-sdk-js#3705). */
export function writePagingToken(place: PagePlace, bound: Bound): string {
  const content = [place.ordinal, place.emptyPages, bound.nowMs, digest(bound)];
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

/** `null`: not one of ours, out of date, or of another chain. */
export function readPagingToken(token: string, bound: Bound): PagePlace | null {
  const [, ordinal, emptyPages, atMs, bond] = FORM.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  if (bond !== digest(bound) || bound.nowMs - Number(atMs) > LIFETIME_MS) return null;
  return { ordinal: Number(ordinal), emptyPages: Number(emptyPages) };
}

interface Bound {
  readonly poolId: string;
  readonly filter: string;
  readonly nowMs: number;
}

const FORM = /^\[(\d+),(\d+),(\d+),"([\w-]+)"\]$/;

function digest({ poolId, filter }: Bound): string {
  return createHash('sha256').update(`${poolId}\n${filter}`).digest('base64url');
}
