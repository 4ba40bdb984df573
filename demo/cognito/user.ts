import { randomInt, randomUUID } from 'node:crypto';

export interface EmulatedUser {
  /** Default: the sub, as in pools whose people sign in with their email. */
  readonly username?: string;
  readonly sub?: string;
  readonly email: string;
  /** Default: true. */
  readonly emailVerified?: boolean;
  /** Default: true. */
  readonly enabled?: boolean;
  /** Default: CONFIRMED, or EXTERNAL_PROVIDER for a federated row (`Google_123` with the identity Google). */
  readonly status?: string;
  /** The attribute as Cognito keeps it: a JSON array of `{ userId, providerName, … }`. */
  readonly identities?: string;
  /** ListUsers does not show the user for so long; AdminGetUser does at once. Default: that of the pool. */
  readonly visibleAfterMs?: number;
}

export interface StoredUser extends Omit<Required<EmulatedUser>, 'identities' | 'visibleAfterMs'> {
  readonly identities?: string;
  /** The place in the order of the pool. It is never given again, so that a page token stays good over removals. */
  readonly ordinal: number;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly visibleFromMs: number;
}

export function storeUser(
  user: EmulatedUser,
  at: { ordinal: number; nowMs: number; visibleAfterMs: number },
): StoredUser {
  const { visibleAfterMs = at.visibleAfterMs, ...given } = user;
  const sub = given.sub ?? newSub();
  const username = given.username ?? sub;
  return {
    emailVerified: true,
    enabled: true,
    status: isFederated(username, given.identities) ? 'EXTERNAL_PROVIDER' : 'CONFIRMED',
    ...given,
    sub,
    username,
    ordinal: at.ordinal,
    createdMs: at.nowMs,
    modifiedMs: at.nowMs,
    visibleFromMs: at.nowMs + visibleAfterMs,
  };
}

/** Subs of newer pools have any hex digit where RFC 9562 has the variant, which strict UUID checks refuse. */
function newSub(): string {
  const uuid = randomUUID();
  return `${uuid.slice(0, 14)}7${uuid.slice(15, 19)}${randomInt(16).toString(16)}${uuid.slice(20)}`;
}

/** Linked native users have identities too; a federated row is named after its provider. */
function isFederated(username: string, identities: string | undefined): boolean {
  if (identities === undefined) return false;
  const rows: unknown = JSON.parse(identities);
  if (!Array.isArray(rows)) return false;
  return rows.some((row: { providerName?: unknown }) => username.startsWith(`${String(row.providerName)}_`));
}

/** The attribute as a filter or AttributesToGet names it; `undefined` when the user lacks it. */
export function attributeOf(user: StoredUser, name: string): string | undefined {
  switch (name) {
    case 'sub':
    case 'email':
    case 'username':
    case 'identities':
      return user[name];
    case 'email_verified':
      return String(user.emailVerified);
    case 'status':
      return user.enabled ? 'Enabled' : 'Disabled';
    case 'cognito:user_status':
      return user.status;
    default:
      return undefined;
  }
}

const WIRE_ATTRIBUTES = ['sub', 'email_verified', 'email', 'identities'] as const;

/** `null`: the user lacks an attribute that was asked for, for which Cognito refuses the whole call. */
export function wireAttributes(user: StoredUser, names: readonly string[] | undefined): Attribute[] | null {
  const attributes = (names ?? WIRE_ATTRIBUTES).flatMap((Name) => {
    const Value = attributeOf(user, Name);
    return Value === undefined ? [] : [{ Name, Value }];
  });
  return names !== undefined && attributes.length < names.length ? null : attributes;
}

interface Attribute {
  readonly Name: string;
  readonly Value: string;
}

/** Seconds with a fraction, as AWS JSON has dates; the SDK refuses ISO strings. */
export function epochSeconds(ms: number): number {
  return ms / 1000;
}
