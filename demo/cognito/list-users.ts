import { matchesFilter, parseFilter, type Filter } from './filter.ts';
import { readPagingToken, writePagingToken } from './paging-token.ts';
import { INDEXED, type Pool } from './pool.ts';
import { invalidParameter, result, type Reply } from './reply.ts';
import { attributeOf, epochSeconds, wireAttributes, type StoredUser } from './user.ts';

const MAX_LIMIT = 60;
const MAX_FILTER_LENGTH = 256;
/** A page ends after so many users were looked at, so a filter without an index gives short and empty pages, as at AWS. */
const MAX_SCANNED = 5000;

export interface ListUsersOptions {
  readonly nowMs: number;
  /** The most users on a page, for pools that do not say. */
  readonly pageSize: number;
}

export function listUsers(pool: Pool, input: Readonly<Record<string, unknown>>, options: ListUsersOptions): Reply {
  const { Limit: limit = MAX_LIMIT, Filter: text = '', PaginationToken: token, AttributesToGet: names } = input;
  if (typeof limit !== 'number' || !(limit >= 0 && limit <= MAX_LIMIT)) {
    return invalidParameter(
      `1 validation error detected: Value '${limit}' at 'limit' failed to satisfy constraint: ${ONE_OF_60}`,
    );
  }
  if (typeof text !== 'string' || text.length > MAX_FILTER_LENGTH) {
    return invalidParameter(
      `1 validation error detected: Value at 'filter' failed to satisfy constraint: ${AT_MOST_256}`,
    );
  }
  const filter = text === '' ? undefined : parseFilter(text);
  if (filter === null) return invalidParameter('Error while parsing filter.');

  const bound = { poolId: pool.settings.id, filter: text, nowMs: options.nowMs };
  const place = token === undefined ? FIRST_PAGE : readPagingToken(String(token), bound);
  if (place === null) return invalidParameter('Paging Marker is Invalid for Request');
  if (place.emptyPages < (pool.settings.emptyFirstPages ?? 0)) {
    const next = { ordinal: place.ordinal, emptyPages: place.emptyPages + 1 };
    return result({ Users: [], PaginationToken: writePagingToken(next, bound) });
  }

  const pageSize = Math.min(limit === 0 ? MAX_LIMIT : limit, pool.settings.pageSize ?? options.pageSize);
  const { users, nextOrdinal } = takePage(pool, { filter, from: place.ordinal, pageSize, nowMs: options.nowMs });
  const asked = Array.isArray(names) ? names.map(String) : undefined;
  const rows = users.map((user) => wireUser(user, asked));
  if (rows.includes(null)) return invalidParameter('One or more requested attributes do not exist.');
  if (nextOrdinal === undefined) return result({ Users: rows });
  const next = { ordinal: nextOrdinal, emptyPages: place.emptyPages };
  return result({ Users: rows, PaginationToken: writePagingToken(next, bound) });
}

const FIRST_PAGE = { ordinal: 0, emptyPages: 0 };
const ONE_OF_60 = `Member must have value between 0 and ${MAX_LIMIT}`;
const AT_MOST_256 = `Member must have length less than or equal to ${MAX_FILTER_LENGTH}`;

interface PageOrder {
  readonly filter: Filter | undefined;
  readonly from: number;
  readonly pageSize: number;
  readonly nowMs: number;
}

function takePage(pool: Pool, { filter, from, pageSize, nowMs }: PageOrder): Page {
  const users: StoredUser[] = [];
  let scanned = 0;
  for (const user of candidates(pool, filter, from)) {
    const shown =
      user.visibleFromMs <= nowMs && (!filter || matchesFilter(filter, attributeOf(user, filter.attribute)));
    // Only a user who would be shown opens another page, or an exact fit would end with a needless empty one.
    if ((shown && users.length === pageSize) || scanned === MAX_SCANNED) return { users, nextOrdinal: user.ordinal };
    if (shown) users.push(user);
    scanned += 1;
  }
  return { users, nextOrdinal: undefined };
}

interface Page {
  readonly users: readonly StoredUser[];
  /** `undefined`: this was the last page. */
  readonly nextOrdinal: number | undefined;
}

function candidates(pool: Pool, filter: Filter | undefined, from: number): Iterable<StoredUser> {
  const indexed = filter?.operator === '=' ? INDEXED.find((name) => name === filter.attribute) : undefined;
  if (filter === undefined || indexed === undefined) return pool.from(from);
  return pool.having(indexed, filter.value).filter(({ ordinal }) => ordinal >= from);
}

function wireUser(user: StoredUser, names: readonly string[] | undefined): object | null {
  const attributes = wireAttributes(user, names);
  return (
    attributes && {
      Username: user.username,
      Attributes: attributes,
      Enabled: user.enabled,
      UserStatus: user.status,
      UserCreateDate: epochSeconds(user.createdMs),
      UserLastModifiedDate: epochSeconds(user.modifiedMs),
    }
  );
}
