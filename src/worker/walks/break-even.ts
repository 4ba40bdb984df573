import { PAGE_SIZE } from '../cognito/cognito-requests.ts';

/** What is known without asking Cognito. */
export interface KnownDemand {
  /** Still wanted of the pool. */
  readonly seeds: number;
  readonly pagesPerSecond: number;
  /** One email each. */
  readonly lookupsPerSecond: number;
}

export interface Demand extends KnownDemand {
  /** As Cognito estimates it; `null`: it does not say. */
  readonly users: number | null;
  readonly roundTripMs: number;
}

export interface WalkPlan {
  /** If all of them are full. */
  readonly expectedPages: number;
  /** The estimate was wrong: from here on the lookups would have been cheaper. */
  readonly maxPages: number;
  /** If nobody else uses the quota: for those pages, and for looking up every email instead. */
  readonly expectedMs: number;
  readonly lookupsMs: number;
}

/** Below it there is too little to win for asking how large the pool is. */
const MIN_SEEDS = 10;
/** More would take a walk of minutes, and tens of megabytes for each pool. */
export const MAX_USERS = 20_000;
/** Pages are often short: 20 of 50 were seen (aws/aws-sdk-js-v3#7071). So a walk must win by this much. */
const MARGIN = 1.5;

/**
 * Pure: whether to page through the whole pool instead of looking up every email. Only where that takes fewer requests in
 * all, since the quota is the application's as well, and is no slower, since the pages of a walk come one after another.
 */
export function planWalk({ seeds, users, ...speed }: Demand): WalkPlan | null {
  if (users === null || users > MAX_USERS || seeds < MIN_SEEDS) return null;
  const expectedPages = Math.max(1, Math.ceil(users / PAGE_SIZE));
  const pages = expectedPages * MARGIN;
  if (pages >= seeds) return null;
  const msPerPage = Math.max(speed.roundTripMs, 1_000 / speed.pagesPerSecond);
  const lookupsMs = (1_000 * seeds) / speed.lookupsPerSecond;
  if (pages * msPerPage > lookupsMs) return null;
  return { expectedPages, maxPages: seeds, expectedMs: expectedPages * msPerPage, lookupsMs };
}

/** Whether a pool could be so small that a walk pays: if not, nobody needs to ask how large it is. */
export function mayPay(demand: KnownDemand): boolean {
  return planWalk({ ...demand, users: 0, roundTripMs: 0 }) !== null;
}
