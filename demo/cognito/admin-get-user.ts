import type { Pool } from './pool.ts';
import { invalidParameter, refuse, result, type Reply } from './reply.ts';
import { epochSeconds, wireAttributes, type StoredUser } from './user.ts';

/** API_AdminGetUser: 1 to 128 letters, marks, symbols, digits and punctuation, so no blanks. */
const USERNAME = /^[\p{L}\p{M}\p{S}\p{N}\p{P}]{1,128}$/u;

/** Consistent at once, unlike ListUsers; at most one user, so it hides duplicates. */
export function adminGetUser(pool: Pool, input: Readonly<Record<string, unknown>>): Reply {
  const name = input['Username'];
  if (typeof name !== 'string' || !USERNAME.test(name)) {
    return invalidParameter(
      `1 validation error detected: Value at 'username' failed to satisfy constraint: ${PATTERN}`,
    );
  }
  const user = findByName(pool, name);
  if (user === undefined) return refuse('UserNotFoundException', 'User does not exist.');
  return result({
    Username: user.username,
    UserAttributes: wireAttributes(user, undefined),
    Enabled: user.enabled,
    UserStatus: user.status,
    UserCreateDate: epochSeconds(user.createdMs),
    UserLastModifiedDate: epochSeconds(user.modifiedMs),
  });
}

const PATTERN = 'Member must satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+';

/** A username, a local user's sub, or an email where the pool signs people in with it. */
function findByName(pool: Pool, name: string): StoredUser | undefined {
  const { caseSensitive = false, aliasAttributes = [], usernameAttributes = ['email'] } = pool.settings;
  const same = (value: string) => value === name || (!caseSensitive && value.toLowerCase() === name.toLowerCase());
  return (
    pool.having('username', name).find(({ username }) => same(username)) ??
    pool.having('sub', name).find(isLocal) ??
    pool.having('email', name).find((user) => {
      if (!isLocal(user) || !same(user.email)) return false; // federated people have no email to sign in with
      return aliasAttributes.includes('email') ? user.emailVerified : usernameAttributes.includes('email');
    })
  );
}

function isLocal({ status }: StoredUser): boolean {
  return status !== 'EXTERNAL_PROVIDER';
}
