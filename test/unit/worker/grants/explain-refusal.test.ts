import { expect, test } from 'vitest';
import type { Reason } from '#shared/contract/reasons.ts';
import { explainRefusal } from '../../../../src/worker/grants/explain-refusal.ts';
import { managedLayout, type TableLayout } from '../../../../src/worker/grants/table-layout.ts';

const PLACE = { schema: 'flip', table: 'user_role' };
const column = (name: string, type: string) => ({ name: `"${name}"`, type });
const layout: TableLayout = {
  ...managedLayout('flip'),
  user: column('user_id', 'character varying'),
  role: column('role_id', 'integer'),
  scope: column('trust_id', 'uuid'),
  id: null,
  tenant: null,
  constants: [{ ...column('made_on', 'date'), value: 'Ada’s birthday' }],
};
const refused = {
  layout,
  grants: { databaseUrlEnv: 'FLIP_URL', schema: 'flip', table: { name: 'user_role' } } as never,
  wanted: [{ roles: [{ key: 'admin' }, { key: 'researcher' }, { key: 'admin', scope: 'north' }] }] as never,
};

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
  [
    'a value that is none of the type',
    'grants-refused',
    { code: '22P02', message: 'invalid input syntax for type integer: "ada"' },
    'A value does not fit its column in "flip"."user_role": "role_id" is of type integer, "trust_id" is of type uuid, "made_on" is of type date. Map grants.table.roles, or correct the ids, scopes, constants or tenantValue in the manifest.',
  ],
  [
    'a value that is too long, which may be what rolecall brings',
    'grants-refused',
    { code: '22001' },
    'A value does not fit its column in "flip"."user_role": "user_id" is of type character varying, "role_id" is of type integer, "trust_id" is of type uuid, "made_on" is of type date. Widen the column, or correct the ids, scopes, constants or tenantValue in the manifest.',
  ],
  ['a division by zero', 'grants-refused', { ...PLACE, code: '22012' }, undefined],
  ['a deadlock', 'database-conflict', { ...PLACE, code: '40P01', constraint: 'user_role_pkey' }, undefined],
])('%s', ([, reason, cause, fix]) => {
  expect(explainRefusal(reason, cause, refused)).toEqual({ kind: 'failed', reason, cause, ...(fix && { fix }) });
});

test('where a trigger has a say, the value may be one of its own', () => {
  const triggered = { ...refused, layout: { ...layout, isPlain: false } };
  const { fix } = explainRefusal('grants-refused', { code: '22P02' }, triggered);
  expect(fix).toMatch(/^A value does not fit its column in "flip"."user_role", or in what a trigger of it writes: /);
});
