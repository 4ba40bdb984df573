import { expect, test } from 'vitest';
import { describeSilence, unreachable } from '#shared/runtime/wait-until-reachable.ts';

const failure = (code: string) => Object.assign(new Error('postgres://app:secret@db/app'), { code });

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
  expect(describeSilence(failure('57014'))).toBe('the ledger does not answer (57014)');
});
