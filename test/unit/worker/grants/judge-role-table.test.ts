import { expect, test } from 'vitest';
import { judgeRoleTable } from '../../../../src/worker/grants/judge-role-table.ts';

const NONE = { uniqueIndexes: [], foreignKeys: [], isPlain: false, isDeferred: false };
const READABLE = { ...NONE, user: 'app', schema: { exists: true, usable: true } };

test('of a table of roles that is missing, the name is doubted first', () => {
  const place = { schema: 'flip', table: 'rolls', id: 'id', name: 'name' };
  const { absent } = judgeRoleTable(place, { ...READABLE, columns: null });
  expect(absent.join(' ')).toMatch(
    /^\/\* There is no table "flip"."rolls": is grants.table.roles.table right\? .*\*\/ create table "flip"."rolls" \(/,
  );
});

test('of a column that is missing, the key that names it is doubted first', () => {
  const place = { schema: 'flip', table: 'roles', id: 'id', name: 'nme' };
  const id = { name: 'id', type: 'uuid', isText: false, required: false, deniedSequence: null };
  const columns = [{ ...id, mayRead: true, mayWrite: true }];
  const { absent } = judgeRoleTable(place, { ...READABLE, columns });
  expect(absent.join(' ')).toBe(
    '/* There is no column "nme": is grants.table.roles.name right? If it is: */ alter table "flip"."roles" add column "nme" text;',
  );
});

test('a table of the roles of several tenants has a column for whose they are', () => {
  const place = { schema: 'flip', table: 'roles', id: 'id', name: 'name', tenant: 'site' };
  const { absent } = judgeRoleTable(place, { ...READABLE, columns: null });
  expect(absent.at(-1)).toBe(
    'create table "flip"."roles" ("id" uuid primary key, "name" text not null, "site" text not null, unique ("site", "name"));',
  );
});
