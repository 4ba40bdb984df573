import { expect, test } from 'vitest';
import type { Reason } from '#shared/contract/reasons.ts';
import { explainRefusal } from '../../../../src/worker/grants/explain-refusal.ts';

const PLACE = { schema: 'flip', table: 'user_role' };
const refused = {
  grants: { databaseUrlEnv: 'FLIP_URL', schema: 'flip', table: { name: 'user_role' } },
  wanted: [{ roles: [{ key: 'admin' }, { key: 'researcher' }, { key: 'admin', scope: 'north' }] }],
} as never;

test.for<[what: string, reason: Reason, cause: object, fix: string | undefined]>([
  [
    'a role that the foreign key does not know',
    'role-unknown',
    { ...PLACE, code: '23503', constraint: 'user_role_role_id_fkey' },
    'The foreign key "user_role_role_id_fkey" of "flip"."user_role" knows no such role: add it, or correct its id in the manifest (roles: admin, researcher).',
  ],
  [
    'a constraint, also of another table that a trigger writes to',
    'grants-refused',
    { schema: 'log', table: 'entry', code: '23514', constraint: 'few "entries"' },
    'The constraint "few ""entries""" of "log"."entry" refuses the row (23514): give it what it asks for, or change it.',
  ],
  [
    'what a trigger raises may name a person',
    'grants-refused',
    { code: '23514', constraint: 'no ada@example.org', message: 'no ada@example.org' },
    undefined,
  ],
  ['no constraint', 'grants-refused', { ...PLACE, code: '22001' }, undefined],
  ['a deadlock', 'database-conflict', { ...PLACE, code: '40P01', constraint: 'user_role_pkey' }, undefined],
])('%s', ([, reason, cause, fix]) => {
  expect(explainRefusal(reason, cause, refused)).toEqual({ kind: 'failed', reason, cause, ...(fix && { fix }) });
});
