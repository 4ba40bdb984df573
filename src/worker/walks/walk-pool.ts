import { setImmediate } from 'node:timers/promises';
import { emailKey, type Sub } from '#shared/contract/ids.ts';
import { MAX_USERS, type WalkPlan } from './break-even.ts';
import type { CognitoRequests, UserPage } from '../cognito/cognito-requests.ts';
import { attribute, matchClearly, withoutTheRest } from '../cognito/match-users.ts';
import type { UserPool } from '../cognito/user-directory.ts';

export interface Walk {
  readonly requests: CognitoRequests;
  readonly plan: WalkPlan;
  readonly signal: AbortSignal;
  /** After every page. */
  turned(progress: { readonly pages: number; readonly users: number }): void;
}

/** By `emailKey`: who is meant without a doubt. Of all the others nothing is said. */
export type ClearUsers = ReadonlyMap<string, Sub>;

type User = UserPage['users'][number];

/**
 * Every user of the pool, page after page: one chain of tokens, of which no part is used when it breaks. Throws what a
 * request throws. `null`: the pool is larger than was thought.
 */
export async function walkPool(pool: UserPool, { requests, plan, signal, turned }: Walk): Promise<ClearUsers | null> {
  const byEmail = new Map<string, User[]>();
  let token: string | undefined;
  let [pages, users] = [0, 0];
  do {
    if (pages === plan.maxPages) return null;
    const page = await requests.listUsers(pool, { token, signal });
    pages += 1;
    users += page.users.length;
    if (users > MAX_USERS) return null;
    for (const user of page.users) collect(byEmail, user);
    turned({ pages, users });
    token = page.token;
  } while (token !== undefined);
  return clearUsers(byEmail);
}

function collect(byEmail: Map<string, User[]>, user: User): void {
  const email = attribute(user, 'email');
  if (email === undefined) return;
  const key = emailKey(email);
  const others = byEmail.get(key);
  if (others === undefined) byEmail.set(key, [withoutTheRest(user)]);
  else others.push(withoutTheRest(user));
}

/** Some milliseconds: matching 20,000 users in one go would hold up every job. */
const AT_ONCE = 500;

async function clearUsers(byEmail: ReadonlyMap<string, readonly User[]>): Promise<ClearUsers> {
  const clear = new Map<string, Sub>();
  let matched = 0;
  for (const [email, users] of byEmail) {
    matched += 1;
    if (matched % AT_ONCE === 0) await setImmediate();
    const found = matchClearly(email, users);
    if (found !== null) clear.set(email, found.sub);
  }
  return clear;
}
