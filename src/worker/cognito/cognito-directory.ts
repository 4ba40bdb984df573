import { ListUsersCommand, type UserType } from '@aws-sdk/client-cognito-identity-provider';
import pRetry from 'p-retry';
import { Email } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { CognitoClients } from './cognito-clients.ts';
import { classifyCognitoError } from './cognito-errors.ts';
import { matchUsers } from './match-users.ts';
import type { UserDirectory, UserPool } from './user-directory.ts';

export interface CognitoDirectoryDeps {
  readonly clients: CognitoClients;
  /** One request went over the wire. */
  observe(operation: 'ListUsers', outcome: 'ok' | Reason, seconds: number): void;
}

const PAGE_SIZE = 60; // the maximum (AWS: API_ListUsers); what it is when omitted is not documented
/** A request that is not answered by then holds a worker's slot in vain; Cognito usually takes less than 100 ms. */
const REQUEST_DEADLINE_MS = 5_000;
/** For all pages of one lookup: a chain of tokens that never ends must not hold the slot for ever. */
const LOOKUP_DEADLINE_MS = 20_000;

/** Asks Cognito by ListUsers, which unlike AdminGetUser neither bills the user nor hides a second one. */
export function createCognitoDirectory({ clients, observe }: CognitoDirectoryDeps): UserDirectory {
  return {
    async prepare(pool) {
      await clients
        .clientFor(pool)
        .config.credentials()
        .catch(() => {}); // `find` meets the same failure, and classifies it
    },
    async find(email, pool, signal) {
      // The manifest was checked, but this string goes into a filter: what could break out of it never leaves here.
      const checked = Email.safeParse(email);
      if (!checked.success) return { kind: 'failed', reason: 'email-malformed', cause: checked.error.name };
      try {
        const lookupSignal = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_DEADLINE_MS)]);
        return matchUsers(email, await listUsers(checked.data, pool, lookupSignal));
      } catch (cause) {
        const reason = classifyCognitoError(cause);
        if (reason.startsWith('credentials-')) clients.evict(pool);
        return { kind: 'failed', reason, cause };
      }
    },
  };

  /** To the last page, also over empty ones: only the absence of a token ends the list. */
  async function listUsers(email: Email, pool: UserPool, signal: AbortSignal): Promise<UserType[]> {
    const users: UserType[] = [];
    let token: string | undefined;
    do {
      const page = await withQuickRetry(() => listPage(email, pool, { token, signal }));
      users.push(...page.users);
      token = page.token;
    } while (token !== undefined);
    return users;
  }

  async function listPage(email: Email, pool: UserPool, from: { token: string | undefined; signal: AbortSignal }) {
    const started = performance.now();
    const done = (outcome: 'ok' | Reason) => observe('ListUsers', outcome, (performance.now() - started) / 1000);
    try {
      const { Users, PaginationToken } = await clients.clientFor(pool).send(
        new ListUsersCommand({
          UserPoolId: pool.id,
          Filter: `email = "${email}"`,
          Limit: PAGE_SIZE,
          ...(from.token !== undefined && { PaginationToken: from.token }),
        }),
        { abortSignal: AbortSignal.any([from.signal, AbortSignal.timeout(REQUEST_DEADLINE_MS)]) },
      );
      if (!Array.isArray(Users)) throw new UnreadableAnswer(); // an empty 200 must not look like a missing user
      done('ok');
      return { users: Users, token: PaginationToken || undefined };
    } catch (error) {
      done(classifyCognitoError(error));
      throw error;
    }
  }
}

/** Classified by its status, like any 200 whose body cannot be read. */
class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
  readonly $metadata = { httpStatusCode: 200 };
}

const WORTH_A_QUICK_RETRY: ReadonlySet<Reason> = new Set(['network', 'cognito-unavailable']);

/** Once and at once, for a stale keep-alive socket or a blip. Never for a throttle, nor after a wait that was long. */
function withQuickRetry<T>(request: () => Promise<T>): Promise<T> {
  return pRetry(request, {
    retries: 1,
    minTimeout: 50,
    shouldRetry: ({ error }) => WORTH_A_QUICK_RETRY.has(classifyCognitoError(error)),
  });
}
