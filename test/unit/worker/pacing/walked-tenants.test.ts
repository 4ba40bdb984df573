import { expect, test } from 'vitest';
import { TenantId } from '#shared/contract/ids.ts';
import { createWalkedTenants } from '../../../../src/worker/pacing/walked-tenants.ts';

const [one, two, three] = ['one', 'two', 'three'].map((id) => TenantId.parse(id)) as [TenantId, TenantId, TenantId];

test('tenants are named for a moment after their walk, by the domain of their lookups', () => {
  let nowMs = 0;
  const walked = createWalkedTenants(() => nowMs);
  walked.add('a', [one, two]);
  nowMs = 500;
  walked.add('a', [three]);
  walked.add('b', [one]);
  expect(walked.byDomain()).toEqual(
    new Map([
      ['a', new Set([one, two, three])],
      ['b', new Set([one])],
    ]),
  );
  nowMs = 1_000;
  expect(walked.byDomain()).toEqual(
    new Map([
      ['a', new Set([three])],
      ['b', new Set([one])],
    ]),
  );
  nowMs = 1_500;
  expect(walked.byDomain()).toEqual(new Map());
});

test('and for as long as there are more of their seeds than can be let go at once', () => {
  let nowMs = 0;
  const walked = createWalkedTenants(() => nowMs);
  walked.add('a', [one]);
  walked.add('b', [two]);
  nowMs = 900;
  walked.goOn('a');
  nowMs = 1_800;
  expect(walked.byDomain()).toEqual(new Map([['a', new Set([one])]]));
});
