import { adminGetUser } from './admin-get-user.ts';
import {
  isStsRequest,
  readCall,
  type CognitoCall,
  type CognitoOperation,
  type RawRequest,
  type StsCall,
} from './call.ts';
import type { Counter } from './counts.ts';
import { describeUserPool } from './describe-user-pool.ts';
import { NO_MISFORTUNE, type FaultList, type Misfortune } from './fault-list.ts';
import type { Fault } from './faults.ts';
import { jsonError, jsonResult, rawAnswer, type HttpAnswer } from './http-answer.ts';
import { listUsers, type ListUsersOptions } from './list-users.ts';
import { DEFAULT_ACCOUNT, POOL_ID, type Pool } from './pool.ts';
import type { Throttle } from './quotas.ts';
import { invalidParameter, refuse, type Refusal, type Reply } from './reply.ts';
import { assumeRole, stsError, type EmulatedRole, type IssuedKey } from './sts.ts';

/** What the emulated AWS knows. */
export interface World {
  readonly pools: ReadonlyMap<string, Pool>;
  readonly roles: readonly EmulatedRole[] | undefined;
  readonly keys: Map<string, IssuedKey>;
  readonly faults: FaultList;
  readonly throttle: Throttle;
  readonly counter: Counter;
  readonly pageSize: number;
  readonly now: () => number;
}

export interface Answered {
  readonly answer: HttpAnswer;
  readonly misfortune: Misfortune;
}

/** In the order of AWS: who calls, whether it is within the quota, and only then what is asked. */
export function answerCall(world: World, request: RawRequest): Answered {
  const call = readCall(request);
  switch (call.kind) {
    case 'refusal':
      return { answer: isStsRequest(request) ? stsError(call) : jsonError(call), misfortune: NO_MISFORTUNE };
    case 'sts':
      return answerSts(world, call);
    case 'cognito':
      return answerCognito(world, call);
    default:
      return call satisfies never;
  }
}

function answerSts({ roles, keys, faults, counter, now }: World, call: StsCall): Answered {
  counter.count(call);
  const misfortune = faults.strike(call);
  const answer =
    answerOfFault(misfortune.fault, { error: stsError, expired: 'ExpiredToken' }) ??
    assumeRole(call, { roles, keys, nowMs: now() });
  return { answer, misfortune };
}

function answerCognito(world: World, call: CognitoCall): Answered {
  const { keys, faults, throttle, counter, now } = world;
  const account = accountOf(world, call);
  const accountRegion = `${account}/${call.region}`;
  counter.count({ ...call, accountRegion });
  if (!throttle.admit(call.operation, accountRegion)) {
    counter.countThrottled(call.operation);
    return { answer: jsonError(refuse('TooManyRequestsException', 'Rate exceeded')), misfortune: NO_MISFORTUNE };
  }
  const misfortune = faults.strike(call);
  const failed = answerOfFault(misfortune.fault, { error: jsonError, expired: 'ExpiredTokenException' });
  if (failed !== undefined) return { answer: failed, misfortune };

  const key = keys.get(call.accessKeyId);
  const reply = key !== undefined && key.expiresMs <= now() ? EXPIRED : replyTo(world, call, account);
  return { answer: reply.kind === 'refusal' ? jsonError(reply) : jsonResult(reply.body), misfortune };
}

/** A key of an assumed role belongs to the account of that role; a static one to the owner of whatever it asks for. */
function accountOf({ keys, pools }: World, { accessKeyId, pool }: CognitoCall): string {
  return keys.get(accessKeyId)?.account ?? pools.get(pool ?? '')?.account ?? DEFAULT_ACCOUNT;
}

const EXPIRED_MESSAGE = 'The security token included in the request is expired';
const EXPIRED = refuse('ExpiredTokenException', EXPIRED_MESSAGE);

interface FaultForm {
  readonly error: (refusal: Refusal) => HttpAnswer;
  /** STS has its own name for an expired token. */
  readonly expired: string;
}

/** `undefined`: the fault is in the delivery, and the answer itself is the true one. */
function answerOfFault(fault: Fault | undefined, { error, expired }: FaultForm): HttpAnswer | undefined {
  switch (fault?.kind) {
    case 'http':
      return rawAnswer(fault);
    case 'expired-token':
      return error(refuse(fault.name ?? expired, fault.message ?? EXPIRED_MESSAGE));
    case 'error': {
      const { name = 'InternalErrorException', message = 'Emulated fault', status } = fault;
      return error({ ...refuse(name, message), ...(status !== undefined && { status }) });
    }
    default:
      return undefined;
  }
}

const HANDLERS = {
  ListUsers: listUsers,
  AdminGetUser: adminGetUser,
  DescribeUserPool: describeUserPool,
} as const satisfies Record<
  CognitoOperation,
  (pool: Pool, input: CognitoCall['input'], options: ListUsersOptions) => Reply
>;

function replyTo({ pools, pageSize, now }: World, call: CognitoCall, account: string): Reply {
  const { pool: id, region, operation, input } = call;
  if (id === undefined) {
    return invalidParameter(
      "1 validation error detected: Value at 'userPoolId' failed to satisfy constraint: Member must not be null",
    );
  }
  if (!POOL_ID.test(id)) {
    return invalidParameter(
      `1 validation error detected: Value '${id}' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+`,
    );
  }
  const pool = pools.get(id);
  // Another region or account has no such pool: the request names neither, so nobody can be told that it is elsewhere.
  if (pool === undefined || pool.region !== region || pool.account !== account) {
    return refuse('ResourceNotFoundException', `User pool ${id} does not exist.`);
  }
  return HANDLERS[operation](pool, input, { nowMs: now(), pageSize });
}
