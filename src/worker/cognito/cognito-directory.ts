import type { UserType } from '@aws-sdk/client-cognito-identity-provider';
import { Email } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import { classifyCognitoError } from './cognito-errors.ts';
import type { Asking, CognitoRequests } from './cognito-requests.ts';
import { matchClearly, matchUsers } from './match-users.ts';
import type { FoundUser, LookupSource, UserDirectory, UserPool } from './user-directory.ts';

export interface CognitoDirectoryDeps {
  readonly requests: CognitoRequests;
  answered(source: LookupSource): void;
}

/** For all requests of one lookup: a chain of tokens that never ends must not hold a worker's slot for ever. */
const LOOKUP_DEADLINE_MS = 20_000;

/** Asks for one email: by a filtered ListUsers, which alone may say no; before it by AdminGetUser, where a tenant wants that. */
export function createCognitoDirectory({ requests, answered }: CognitoDirectoryDeps): UserDirectory {
  return {
    async find(unchecked, pool, signal) {
      // The manifest was checked, but this string goes into a filter: what could break out of it never leaves here.
      const { data: email, error } = Email.safeParse(unchecked);
      if (error) return { kind: 'failed', reason: 'email-malformed', cause: error.name };
      const lookup = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_DEADLINE_MS)]);
      const getsFirst = pool.lookup === 'AdminGetUser';
      try {
        const got = getsFirst ? await getClearly(email, pool, { signal: lookup, hasSlot: true }) : null;
        const answer = got ?? matchUsers(email, await listUsers(email, pool, { signal: lookup, hasSlot: !getsFirst }));
        answered(got === null ? 'filter' : 'get');
        return answer;
      } catch (cause) {
        return { kind: 'failed', reason: classifyCognitoError(cause), cause };
      }
    },
    prepare: requests.prepare,
  };

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
