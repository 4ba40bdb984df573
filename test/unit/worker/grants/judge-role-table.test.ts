import { expect, test } from 'vitest';
import { judgeRoleTable } from '../../../../src/worker/grants/judge-role-table.ts';

test('of a table of roles that is missing, the name is doubted first', () => {
  const place = { schema: 'flip', table: 'rolls', id: 'id', name: 'name' };
  const none = { columns: null, uniqueIndexes: [], foreignKeys: [], isPlain: false, isDeferred: false };
  const { absent } = judgeRoleTable(place, { ...none, user: 'app', schema: { exists: true, usable: true } });
  expect(absent.join(' ')).toMatch(
    /^\/\* There is no table "flip"."rolls": is grants.table.roles.table right\? .*\*\/ create table "flip"."rolls" \(/,
  );
});
