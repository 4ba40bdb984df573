import { expect } from 'vitest';
import { failedJobs, grantsIn, keepHistory, untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { describeOnBothPlatforms, platformTest as test } from '../support/worker.ts';
import type { Fault } from '../../demo/cognito/emulator.ts';

/** Each befalls one seed, whose email begins with its key. */
const FAULTS: Readonly<Record<string, { readonly fault: Fault; readonly reason: string }>> = {
  'error-500': { fault: { kind: 'error', name: 'InternalErrorException', status: 500 }, reason: 'cognito-unavailable' },
  'page-503': {
    fault: { kind: 'http', status: 503, contentType: 'text/html', body: '<html>' },
    reason: 'cognito-unavailable',
  },
  'empty-500': { fault: { kind: 'http', status: 500, body: '' }, reason: 'cognito-unavailable' },
  'error-400-internal': {
    fault: { kind: 'error', name: 'InternalErrorException', status: 400 },
    reason: 'cognito-unavailable',
  },
  'throttle-400': { fault: { kind: 'error', name: 'TooManyRequestsException', status: 400 }, reason: 'throttled' },
  'throttle-429': { fault: { kind: 'http', status: 429, body: '' }, reason: 'cognito-unavailable' },
  reset: { fault: { kind: 'reset' }, reason: 'network' },
  'reset-in-the-body': { fault: { kind: 'reset-mid-body' }, reason: 'network' },
  hang: { fault: { kind: 'hang' }, reason: 'timeout' },
  'stalled-body': { fault: { kind: 'stall-body' }, reason: 'timeout' },
  'dripping-body': { fault: { kind: 'trickle', bytesPerSecond: 10 }, reason: 'timeout' },
  'empty-200': { fault: { kind: 'http', status: 200, body: '' }, reason: 'cognito-unavailable' },
  'garbage-200': { fault: { kind: 'http', status: 200, body: '<html>' }, reason: 'cognito-unavailable' },
  'braces-200': { fault: { kind: 'http', status: 200, body: '{}' }, reason: 'cognito-unavailable' },
  'null-200': { fault: { kind: 'http', status: 200, body: '{"Users":null}' }, reason: 'cognito-unavailable' },
  'portal-302': { fault: { kind: 'http', status: 302, body: '' }, reason: 'cognito-unavailable' },
};
const KEYS = Object.keys(FAULTS);
/** One each, as a pool that fails three times in a row is not asked for the others' sake. */
const poolOf = (key: string) => `${POOL}${KEYS.indexOf(key)}`;
const emailOf = (key: string) => `${key}@example.org`;

describeOnBothPlatforms('a transient fault', (queueTest) => {
  queueTest(
    'is retried until it is over, blocks nothing and leaves no failed job, whichever it is',
    async ({ cognito, produce, work, queue, databaseUrl }) => {
      for (const key of KEYS) cognito.addPool({ id: poolOf(key), users: [{ email: emailOf(key) }] });
      for (const [key, { fault }] of Object.entries(FAULTS)) cognito.setFault({ ...fault, email: emailOf(key) });
      const history = await keepHistory(databaseUrl);
      const tenants = KEYS.map((key) => ({ id: key, pool: poolOf(key), seeds: [emailOf(key)] }));
      await produce({ tenants }, 'v1');
      await work({ ROLECALL_CONCURRENCY: '30' });

      const retrying = KEYS.map((key) => [emailOf(key), `retrying: ${FAULTS[key]?.reason}`]);
      await untilStates(databaseUrl, Object.fromEntries(retrying));
      expect(await failedJobs(queue)).toEqual([]);

      cognito.clearFaults();
      await untilStates(databaseUrl, Object.fromEntries(KEYS.map((key) => [emailOf(key), 'granted'])));
      expect(await grantsIn(databaseUrl)).toHaveLength(KEYS.length);
      expect(await failedJobs(queue)).toEqual([]);
      const states = await history();
      for (const key of KEYS) {
        expect(new Set(states[emailOf(key)])).toEqual(
          new Set(['pending', `retrying: ${FAULTS[key]?.reason}`, 'granted']),
        );
      }
    },
  );

  queueTest('of the assumed role: STS is away, then back', async ({ cognito, produce, work, queue, databaseUrl }) => {
    cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });
    cognito.setFault({ kind: 'error', operation: 'AssumeRole', name: 'ServiceUnavailable', status: 503 });
    await produce({ tenants: [{ assumeRole: { arn: ROLE }, seeds: ['ada@example.org'] }] }, 'v1');
    await work();
    await untilStates(databaseUrl, { 'ada@example.org': 'retrying: cognito-unavailable' });
    expect(await failedJobs(queue)).toEqual([]);

    cognito.clearFaults();
    await untilStates(databaseUrl, { 'ada@example.org': 'granted' });
  });
});

const ROLE = 'arn:aws:iam::111122223333:role/rolecall';

test('STS that answers with a page is away, too', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });
  cognito.setFault({ kind: 'http', operation: 'AssumeRole', status: 503, contentType: 'text/html', body: '<html>' });
  await produce({ tenants: [{ assumeRole: { arn: ROLE }, seeds: ['ada@example.org'] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { 'ada@example.org': 'retrying: cognito-unavailable' });
  cognito.clearFaults();
  await untilStates(databaseUrl, { 'ada@example.org': 'granted' });
});

test('an expired session is replaced by a new one, without a hand', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }, { email: 'bob@example.org' }] });
  const history = await keepHistory(databaseUrl);
  const tenant = { assumeRole: { arn: ROLE }, seeds: ['ada@example.org'] };
  await produce({ tenants: [tenant] }, 'v1');
  await work();
  await untilStates(databaseUrl, { 'ada@example.org': 'granted' });
  expect(cognito.counts.calls.AssumeRole).toBe(1);

  cognito.setFault({ kind: 'expired-token' });
  await produce({ tenants: [{ ...tenant, seeds: ['bob@example.org'] }] }, 'v2');
  await untilStates(databaseUrl, { 'bob@example.org': 'granted' });
  expect((await history())['bob@example.org']).toEqual(['pending', 'retrying: credentials-expired', 'granted']);
  expect(cognito.counts.calls.AssumeRole).toBe(2);
});

test('a stale keep-alive socket costs a moment, not an attempt', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });
  const history = await keepHistory(databaseUrl);
  cognito.setFault({ kind: 'reset', times: 1 });
  await produce({ tenants: [{ seeds: ['ada@example.org'] }] }, 'v1');
  await work();
  await untilStates(databaseUrl, { 'ada@example.org': 'granted' });
  expect((await history())['ada@example.org']).toEqual(['pending', 'granted']);
});

test('a throttle is not answered by another request at once', async ({ cognito, produce, work, databaseUrl }) => {
  cognito.addPool({ id: POOL, users: [{ email: 'ada@example.org' }] });
  cognito.setFault({ kind: 'error', name: 'TooManyRequestsException' });
  await produce({ tenants: [{ seeds: ['ada@example.org'] }] }, 'v1');
  await work({ ROLECALL_RETRY_BASE_MS: '3600000', ROLECALL_RETRY_CAP_MS: '3600000' });
  await untilStates(databaseUrl, { 'ada@example.org': 'retrying: throttled' });
  expect(cognito.counts.byEmail['ada@example.org']).toBe(1);
});
