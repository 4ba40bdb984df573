import { expect, test } from 'vitest';
import { TenantId } from '#shared/contract/ids.ts';
import { createWalkedTenants } from '../../../../src/worker/pacing/walked-tenants.ts';

const [one, two, three] = ['one', 'two', 'three'].map((id) => TenantId.parse(id)) as [TenantId, TenantId, TenantId];

test('tenants are named in three rounds after their walk, by the domain of their lookups', () => {
  const walked = createWalkedTenants();
  walked.add('a', [one, two]);
  expect(walked.next()).toEqual(new Map([['a', new Set([one, two])]]));
  walked.add('a', [two, three]);
  walked.add('b', [one]);
  const both = new Map([
    ['a', new Set([one, two, three])],
    ['b', new Set([one])],
  ]);
  expect([walked.next(), walked.next()]).toEqual([both, both]);
  expect(walked.next()).toEqual(
    new Map([
      ['a', new Set([two, three])],
      ['b', new Set([one])],
    ]),
  );
  expect(walked.next()).toEqual(new Map());
});
