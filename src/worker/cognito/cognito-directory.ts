import type { UserType } from '@aws-sdk/client-cognito-identity-provider';
import { Email } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { classifyCognitoError } from './cognito-errors.ts';
import type { Asking, CognitoRequests } from './cognito-requests.ts';
import { startDeadline } from './deadline.ts';
import { matchClearly, matchUsers } from './match-users.ts';
import { SlotTooFar } from './pace.ts';
import {
  poolKey,
  type FoundUser,
  type Lookup,
  type LookupSource,
  type UserDirectory,
  type UserPool,
} from './user-directory.ts';

export interface CognitoDirectoryDeps {
  readonly requests: CognitoRequests;
  answered(source: LookupSource): void;
}

/** For all requests of one lookup: a chain of tokens that never ends must not hold a worker's slot for ever. */
const LOOKUP_DEADLINE_MS = 20_000;
/**
 * For a slot of the second look, which nobody reserved. It holds a worker's slot meanwhile, so beyond it the seed comes back. As
 * far as walks look ahead, which want the same slots: with less patience, three walks leave it none.
 */
const SECOND_LOOK_PATIENCE_MS = 500;
/** Of those, how many are known as not found by AdminGetUser when they come back; the others are asked for again. */
const MAX_KNOWN_NOT_GOT = 10_000;

/** Asks for one email: by a filtered ListUsers, which alone may say no; before it by AdminGetUser, where a tenant wants that. */
export function createCognitoDirectory({ requests, answered }: CognitoDirectoryDeps): UserDirectory {
  const notGot = new Set<string>(); // however old: it spares a request, and decides nothing

  return {
    async find(unchecked, pool, signal) {
      // The manifest was checked, but this string goes into a filter: what could break out of it never leaves here.
      const { data: email, error } = Email.safeParse(unchecked);
      if (error) return { kind: 'failed', reason: 'email-malformed', cause: error.name };
      using lookup = startDeadline(signal, LOOKUP_DEADLINE_MS);
      try {
        if (pool.lookup === 'AdminGetUser') return await getOrList(email, pool, lookup.signal);
        return await list(email, pool, { signal: lookup.signal, hasSlot: true });
      } catch (cause) {
        if (cause instanceof SlotTooFar) return { kind: 'paced', waitMs: cause.waitMs };
        return { kind: 'failed', reason: classifyCognitoError(cause), cause };
      }
    },
    prepare: requests.prepare,
  };

  async function getOrList(email: Email, pool: UserPool, signal: AbortSignal): Promise<Lookup> {
    const key = `${poolKey(pool)} ${email}`;
    const got = notGot.has(key) ? null : await getClearly(email, pool, { signal, hasSlot: true });
    if (got !== null) {
      answered('get');
      return got;
    }
    if (notGot.size < MAX_KNOWN_NOT_GOT) notGot.add(key);
    const answer = await list(email, pool, { signal, patienceMs: SECOND_LOOK_PATIENCE_MS });
    notGot.delete(key);
    return answer;
  }

  async function list(email: Email, pool: UserPool, asking: Asking): Promise<Lookup> {
    const answer = matchUsers(email, await listUsers(email, pool, asking));
    answered('filter');
    return answer;
  }

  /** `null`: that is no clear yes. It finds nobody in a pool whose people have usernames, and never a second person. */
  async function getClearly(email: Email, pool: UserPool, asking: Asking): Promise<FoundUser | null> {
    try {
      return matchClearly(email, [await requests.getUser(pool, email, asking)]);
    } catch (error) {
      if (SAYS_NO.has(classifyCognitoError(error))) return null;
      throw error;
    }
  }

  async function listUsers(email: Email, pool: UserPool, asking: Asking): Promise<UserType[]> {
    const first = await requests.listUsers(pool, { email, ...asking });
    const users = [...first.users];
    let { token } = first;
    while (token !== undefined) {
      const page = await requests.listUsers(pool, { email, token, signal: asking.signal });
      users.push(...page.users);
      token = page.token;
    }
    return users;
  }
}

/** No such user, or an email that is too long for a username. */
const SAYS_NO: ReadonlySet<Reason> = new Set(['user-missing', 'email-malformed']);
