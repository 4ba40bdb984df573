import { expect, test, vi } from 'vitest';
import {
  RefusedError,
  describeSilence,
  unreachable,
  waitUntilReachable,
} from '#shared/runtime/wait-until-reachable.ts';

const failure = (code: string) => Object.assign(new Error('postgres://app:secret@db/app'), { code });
const failingOnce = (code: string) => vi.fn<() => Promise<void>>().mockRejectedValueOnce(failure(code));
const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

test('who refuses is told apart from who does not answer, and why is said in words', () => {
  expect(unreachable('PostgreSQL (DATABASE_URL)', failure('28P01')).message).toBe(
    'PostgreSQL (DATABASE_URL) refuses: wrong user or password (28P01)',
  );
  expect(unreachable('PostgreSQL (DATABASE_URL)', failure('ECONNREFUSED')).message).toBe(
    'PostgreSQL (DATABASE_URL) cannot be reached (ECONNREFUSED)',
  );
  expect(describeSilence(failure('3D000'))).toBe(
    'the ledger (DATABASE_URL) refuses: there is no such database (3D000)',
  );
  expect(unreachable('Redis (REDIS_URL)', reply('NOAUTH Authentication required.')).message).toBe(
    'Redis (REDIS_URL) refuses: it wants a password (NOAUTH)',
  );
  expect(describeSilence(failure('CERT_HAS_EXPIRED'))).toBe(
    'the ledger (DATABASE_URL) is not to be trusted: its certificate has expired (CERT_HAS_EXPIRED)',
  );
  expect(unreachable('Redis (REDIS_URL)', failure('CERT_REVOKED')).message).toBe(
    'Redis (REDIS_URL) is not to be trusted (CERT_REVOKED)',
  );
  expect(describeSilence(failure('08P01'))).toMatch(
    /^the ledger \(DATABASE_URL\) refuses: what stands before it, like PgBouncer, /,
  );
  expect(describeSilence(failure('57014'))).toBe('the ledger does not answer (57014)');
});

test('what waiting does not mend is asked once, and anything else until it answers', async () => {
  const [expired, away] = [failingOnce('CERT_HAS_EXPIRED'), failingOnce('ECONNREFUSED')];
  const options = { what: 'PostgreSQL', boundMs: 10_000 };

  await expect(waitUntilReachable(expired, options)).rejects.toThrow(RefusedError);
  await waitUntilReachable(away, options);

  expect(unreachable('PostgreSQL', failure('08P01'))).not.toBeInstanceOf(RefusedError); // it may pass
  expect(expired).toHaveBeenCalledTimes(1);
  expect(away).toHaveBeenCalledTimes(2);
});
