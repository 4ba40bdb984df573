import { expect, test } from 'vitest';
import type { GrantsTable } from '#shared/contract/tenant-settings.ts';
import { NO_ROLE_TABLE } from '../../../../src/worker/grants/judge-role-table.ts';
import { judgeTable } from '../../../../src/worker/grants/judge-table.ts';

const UUID = { type: 'uuid', isText: false, required: true, deniedSequence: null };
const FACTS = {
  user: 'app',
  schema: { exists: true, usable: true },
  columns: ['user_id', 'role_id'].map((name) => ({ ...UUID, name, mayRead: true, mayWrite: true })),
  uniqueIndexes: [],
  foreignKeys: [],
  isPlain: true,
  isDeferred: false,
};

test.for<
  [
    what: string,
    mapped: { columns?: Partial<GrantsTable['columns']>; constants?: GrantsTable['constants'] },
    fix: string,
  ]
>([
  [
    'columns',
    { columns: { userId: 'uid', scope: 'trustid' } },
    '/* There is no column "uid" or "trustid": is grants.table.columns right? If it is: */ ' +
      'alter table "flip"."user_role" add column "uid" uuid; alter table "flip"."user_role" add column "trustid" text; ' +
      'alter table "flip"."user_role" alter column "user_id" set default …; (or name it in the manifest, under grants.table)',
  ],
  [
    'a constant',
    { constants: { made_by: 'rolecall' } },
    '/* There is no column "made_by": is grants.table.constants right? If it is: */ ' +
      'alter table "flip"."user_role" add column "made_by" text;',
  ],
  [
    'a column and a constant',
    { columns: { scope: 'trustid' }, constants: { made_by: 'rolecall' } },
    '/* There is no column "trustid" or "made_by": is grants.table right? If it is: */ ' +
      'alter table "flip"."user_role" add column "trustid" text; alter table "flip"."user_role" add column "made_by" text;',
  ],
])('of %s that the table lacks, the names are doubted first', ([, { columns, constants = {} }, fix]) => {
  const mapping = { name: 'user_role', columns: { userId: 'user_id', roleId: 'role_id', ...columns }, constants };
  expect(judgeTable('flip', mapping, FACTS, NO_ROLE_TABLE)).toEqual({
    kind: 'unfit',
    reason: 'grants-table-missing',
    fix,
  });
});
