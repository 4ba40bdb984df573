import {
  AdminGetUserCommand,
  DescribeUserPoolCommand,
  ListUsersCommand,
  type UserType,
} from '@aws-sdk/client-cognito-identity-provider';
import pRetry from 'p-retry';
import type { Email } from '#shared/contract/ids.ts';
import type { Reason } from '#shared/contract/reasons.ts';
import type { CognitoClients } from './cognito-clients.ts';
import { classifyCognitoError } from './cognito-errors.ts';
import { startDeadline } from './deadline.ts';
import { NoSlot, SlotTooFar, type CognitoOperation, type Pace, type PaceOptions } from './pace.ts';
import type { UserPool } from './user-directory.ts';

export interface CognitoRequestsDeps {
  readonly clients: CognitoClients;
  readonly pace: Pace;
  /** One request went over the wire. */
  observe(operation: CognitoOperation, outcome: 'ok' | Reason, seconds: number): void;
  /** Somebody used more of a quota than there is. Never throws. */
  throttled(pool: UserPool, operation: CognitoOperation): Promise<void>;
}

export interface Asking {
  readonly signal: AbortSignal;
  /** The caller reserved the slot of the first try. */
  readonly hasSlot?: boolean;
  /** For the slot; whatever is further away is `SlotTooFar`. Absent: it is waited for. */
  readonly patienceMs?: number;
}

export interface ListOrder extends Asking {
  /** Absent: everybody. */
  readonly email?: Email;
  readonly token?: string | undefined;
}

export interface UserPage {
  readonly users: readonly UserType[];
  /** Only its absence ends the list; an empty page does not. */
  readonly token: string | undefined;
}

export interface PoolDescription {
  /** `null`: Cognito does not say. */
  readonly users: number | null;
  readonly roundTripMs: number;
}

/** Every request to Cognito: in its slot of the quota, observed, with a deadline and one quick retry. They throw. */
export type CognitoRequests = ReturnType<typeof createCognitoRequests>;

export const PAGE_SIZE = 60; // the maximum (AWS: API_ListUsers); what it is when omitted is not documented
/** A request that is not answered by then holds a worker's slot in vain; Cognito usually takes less than 100 ms. */
const REQUEST_DEADLINE_MS = 5_000;
const WORTH_A_QUICK_RETRY: ReadonlySet<Reason> = new Set(['network', 'cognito-unavailable']);

export function createCognitoRequests({ clients, pace, observe, throttled }: CognitoRequestsDeps) {
  return {
    prepare,

    /** The email goes into the filter as it is: only one that was checked may come here. */
    listUsers(pool: UserPool, { email, token, ...asking }: ListOrder): Promise<UserPage> {
      const input = {
        UserPoolId: pool.id,
        Limit: PAGE_SIZE,
        ...(email !== undefined && { Filter: `email = "${email}"` }),
        ...(token !== undefined && { PaginationToken: token }),
      };
      return ask('ListUsers', pool, asking, async (abort) => {
        const { Users, PaginationToken } = await clients.clientFor(pool).send(new ListUsersCommand(input), abort);
        if (!Array.isArray(Users)) throw new UnreadableAnswer(); // an empty 200 must not look like a missing user
        return { users: Users, token: PaginationToken || undefined };
      });
    },

    getUser(pool: UserPool, email: Email, asking: Asking): Promise<UserType> {
      const command = new AdminGetUserCommand({ UserPoolId: pool.id, Username: email });
      return ask('AdminGetUser', pool, asking, async (abort) => {
        const { UserAttributes: Attributes, ...user } = await clients.clientFor(pool).send(command, abort);
        return { ...user, Attributes };
      });
    },

    describePool(pool: UserPool, asking: Asking): Promise<PoolDescription> {
      const command = new DescribeUserPoolCommand({ UserPoolId: pool.id });
      return ask('DescribeUserPool', pool, asking, async (abort) => {
        const started = performance.now();
        const { UserPool: described } = await clients.clientFor(pool).send(command, abort);
        return { users: described?.EstimatedNumberOfUsers ?? null, roundTripMs: performance.now() - started };
      });
    },
  };

  async function prepare(pool: UserPool): Promise<void> {
    await clients
      .clientFor(pool)
      .config.credentials()
      .catch(() => {}); // the request that needs them says so
  }

  /** Tried again once and at once, for a stale keep-alive socket or a blip. Never for a throttle, nor after a long wait. */
  function ask<T>(
    operation: CognitoOperation,
    pool: UserPool,
    { signal, hasSlot = false, patienceMs }: Asking,
    send: (options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const tryOnce = async (attempt: number) => {
      if (attempt > 1 || !hasSlot) await awaitSlot(operation, pool, { signal, patienceMs });
      const started = performance.now();
      const done = (outcome: 'ok' | Reason) => observe(operation, outcome, (performance.now() - started) / 1000);
      using deadline = startDeadline(signal, REQUEST_DEADLINE_MS);
      try {
        const answer = await send({ abortSignal: deadline.signal });
        done('ok');
        return answer;
      } catch (error) {
        const reason = classifyCognitoError(error);
        if (reason.startsWith('credentials-')) clients.evict(pool);
        done(reason);
        if (reason === 'throttled') await throttled(pool, operation);
        throw error;
      }
    };
    return pRetry(tryOnce, {
      retries: 1,
      minTimeout: 50,
      shouldRetry: ({ error }) => WORTH_A_QUICK_RETRY.has(classifyCognitoError(error)),
    });
  }

  async function awaitSlot(operation: CognitoOperation, pool: UserPool, options: PaceOptions): Promise<void> {
    await prepare(pool);
    try {
      await pace(pool, operation, options);
    } catch (cause) {
      if (cause instanceof SlotTooFar) throw cause;
      throw new NoSlot('no slot of the quota', { cause });
    }
  }
}

/** Classified by its status, like any 200 whose body cannot be read. */
class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
  readonly $metadata = { httpStatusCode: 200 };
}
