import { get } from 'node:http';
import { sql } from '@mikro-orm/postgresql';
import { Registry } from 'prom-client';
import { expect, inject } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { seedJobId } from '#shared/contract/seed-job.ts';
import { addJobs } from '#shared/queue/add-jobs.ts';
import { openQueue } from '#shared/queue/open-queue.ts';
import type { QueueTarget } from '#shared/queue/queue-target.ts';
import { createLogger } from '#shared/runtime/logger.ts';
import { parseOpsConfig } from '../../src/ops/ops-config.ts';
import { startOpsApp, type OpsAppDeps } from '../../src/ops/ops-app.ts';
import { freePort } from '../../demo/free-port.ts';
import { databaseTest } from '../support/database.ts';
import { startFakeRedis } from '../support/fake-redis.ts';
import { failedJobs, jobStates, toQueue } from '../support/failed-jobs.ts';
import { describeOnBothQueues } from '../support/queue.ts';
import { recordedRun, times } from '../support/recorded-run.ts';

const BLOCKED = { state: 'blocked', reason: 'user-missing' } as const;
const LOGIN = { ROLECALL_BOARD_USER: 'ops', ROLECALL_BOARD_PASSWORD: 's3cret' };
const authorization = `Basic ${Buffer.from('ops:s3cret').toString('base64')}`;
const QUEUES = '/board/api/queues?activeQueue=rolecall&status=failed&page=1&jobsPerPage=10';

interface Given extends Partial<OpsAppDeps> {
  readonly databaseUrl: string;
  readonly target?: QueueTarget;
  readonly env?: Env;
}

async function start({ databaseUrl, target, env = {}, ...deps }: Given) {
  const config = parseOpsConfig({ DATABASE_URL: databaseUrl, PORT: '0', ...env });
  const app = await startOpsApp({
    config: target === undefined ? config : { ...config, queue: target },
    log: createLogger('silent'),
    ...deps,
  });
  const ask = (path: string, options?: RequestInit) => fetch(new URL(path, app.url), options);
  return { ask, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

databaseTest.skipIf(inject('redisUrl') === null)(
  'before the first release the gate is unknown, and all else is served',
  async ({ ledger, databaseUrl }) => {
    await ledger.em.execute(sql`drop schema rolecall cascade`);
    await using ops = await start({ databaseUrl, env: { REDIS_URL: inject('redisUrl') ?? '' } });

    const gate = await ops.ask('/gate');

    expect([gate.status, await gate.json()]).toMatchObject([503, { state: 'unknown', open: false }]);
    for (const path of ['/livez', '/readyz', '/metrics', '/', '/board']) {
      expect([path, (await ops.ask(path)).status]).toEqual([path, 200]);
    }
  },
);

databaseTest(
  'a queue in PostgreSQL is waited for: its tables come with the first release',
  async ({ ledger, databaseUrl }) => {
    await ledger.em.execute(sql`drop schema rolecall cascade`);

    await expect(start({ databaseUrl, signal: AbortSignal.timeout(1_000) })).rejects.toThrow('aborted due to timeout');
  },
);

describeOnBothQueues('the ops server', (test) => {
  test('answers probes, gate, page, board and metrics', async ({ ledger, queue, target, databaseUrl }) => {
    const { seeds } = await recordedRun(ledger, { seeds: [...times(2, BLOCKED), { state: 'granted' }] });
    await failedJobs(target, queue, seeds.slice(0, 2));
    await using ops = await start({ databaseUrl, target });

    const statuses = await Promise.all(
      ['/livez', '/readyz', '/gate', '/metrics', '/', '/board', '/board/', QUEUES].map(
        async (path) => (await ops.ask(path)).status,
      ),
    );

    expect(statuses).toEqual([200, 200, 503, 200, 200, 200, 200, 200]);
  });

  test('lets an operator retry from the board', async ({ ledger, queue, target, databaseUrl }) => {
    const { seeds } = await recordedRun(ledger, { seeds: times(3, BLOCKED) });
    await failedJobs(target, queue, seeds);
    await using ops = await start({ databaseUrl, target, env: LOGIN });
    const put = (path: string) =>
      ops.ask(`/board/api/queues/rolecall/${path}`, { method: 'PUT', headers: { authorization } });

    const [first] = seeds;
    expect((await put(`${first && seedJobId(first)}/retry`)).status).toBe(204);
    expect((await jobStates(queue, seeds)).toSorted()).toEqual(['failed', 'failed', 'prioritized']);

    expect((await put('retry/failed')).status).toBe(200);
    expect(new Set(await jobStates(queue, seeds))).toEqual(new Set(['prioritized']));
  });

  test('shows jobs by tenant and label, never by email', async ({ ledger, queue, target, databaseUrl }) => {
    const { seeds } = await recordedRun(ledger, { seeds: [{ ...BLOCKED, email: 'annabel@example.org' }] });
    await failedJobs(target, queue, seeds);
    await using ops = await start({ databaseUrl, target });
    const id = seeds[0] && seedJobId(seeds[0]);

    const shown = await Promise.all(
      [QUEUES, `/board/api/queues/rolecall/${id}`, `/board/api/queues/rolecall/${id}/logs`, '/'].map(async (path) =>
        (await ops.ask(path)).text(),
      ),
    );

    expect(shown[0]).toContain('flip · a•••l@example.org');
    expect(shown.join()).not.toContain('annabel');
  });

  test('masks what looks like an email in a job that others wrote', async ({ queue, target, databaseUrl }) => {
    await queue.add('foreign', { note: 'annabel@example.org' }, { jobId: 'foreign' });
    await using ops = await start({ databaseUrl, target });

    const shown = await (await ops.ask('/board/api/queues/rolecall/foreign')).text();

    expect(shown).toContain('[redacted]');
    expect(shown).not.toContain('annabel');
  });
});

databaseTest('what the board must not do is refused by the server', async ({ ledger, databaseUrl }) => {
  const { seeds } = await recordedRun(ledger, { seeds: times(1, BLOCKED) });
  await using ops = await start({ databaseUrl, env: { ...LOGIN, ROLECALL_BOARD_MODE: 'replay' } });
  await using reading = await start({ databaseUrl, env: { ...LOGIN, ROLECALL_BOARD_MODE: 'read' } });
  const id = seeds[0] && seedJobId(seeds[0]);
  const status = async (method: string, path: string, server = ops) =>
    (await server.ask(`/board/api/queues${path}`, { method, headers: { authorization } })).status;

  const refused: [string, string][] = [
    ['PUT', '/rolecall/clean/failed'],
    ['PUT', '/rolecall/empty'],
    ['PUT', '/rolecall/obliterate'],
    ['PUT', '/rolecall/pause'],
    ['PUT', '/rolecall/retry/completed'],
    ['PUT', '/pause'],
    ['POST', '/rolecall/add'],
    ['PUT', `/rolecall/${id}/clean`],
    ['PATCH', `/rolecall/${id}/update-data`],
    ['PATCH', `/rolecall/${id}/delay`],
    // Spellings of a path do not matter: the route that was matched does.
    ['PUT', '/rolecall/clean/failed/'],
    ['PUT', '/rolecall/%63lean/failed'],
    ['PUT', `/rolecall/retry/retry`],
    ['PUT', '/rolecall/..%2frolecall%2fempty'],
  ];
  const answers = await Promise.all(refused.map(async ([method, path]) => [method, path, await status(method, path)]));
  expect(answers.filter(([, , code]) => code !== 403 && code !== 404)).toEqual([]);
  expect(answers.slice(0, 11).map(([, , code]) => code)).toEqual(Array.from({ length: 11 }, () => 403));
  expect(await status('PUT', '/rolecall/retry/failed', reading)).toBe(403);
  expect(await status('PUT', `/rolecall/${id}/retry`, reading)).toBe(403);
  expect(await status('GET', '', reading)).toBe(200);
});

databaseTest('with a login, nothing of the board is seen without it', async ({ databaseUrl }) => {
  await using ops = await start({ databaseUrl, env: LOGIN });
  const paths = ['/board', '/board/', '/board/queue/rolecall', '/board/api/queues', '/board/static/favicon-32x32.png'];
  const statuses = (headers: Record<string, string>) =>
    Promise.all(paths.map(async (path) => (await ops.ask(path, { headers })).status));

  expect(new Set(await statuses({}))).toEqual(new Set([401]));
  expect(new Set(await statuses({ authorization: `Basic ${btoa('ops:wrong')}` }))).toEqual(new Set([401]));
  expect(new Set(await statuses({ authorization }))).toEqual(new Set([200]));
  expect((await ops.ask('/board')).headers.get('www-authenticate')).toMatch(/^Basic /);
  expect((await ops.ask('/gate')).status, 'the gate is for machines, without a login').toBe(503);
});

databaseTest('another site can neither change nor embed the board', async ({ databaseUrl }) => {
  await using ops = await start({ databaseUrl, env: LOGIN });
  const put = async (headers: Record<string, string>) =>
    (
      await ops.ask('/board/api/queues/rolecall/retry/failed', {
        method: 'PUT',
        headers: { authorization, ...headers },
      })
    ).status;

  expect(await put({ origin: 'https://evil.example' })).toBe(403);
  expect(await put({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await put({})).toBe(200);
  for (const path of ['/', '/board']) {
    const { headers } = await ops.ask(path, { headers: { authorization } });
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

databaseTest('without a login the board is for this machine, under its own names', async ({ databaseUrl }) => {
  await using local = await start({ databaseUrl });
  await using everywhere = await start({ databaseUrl, env: { HOST: '0.0.0.0' } });

  expect((await local.ask('/board/api/queues')).status).toBe(200);
  expect(await statusAs('evil.example', local)).toBe(403);
  expect(await statusAs('localhost', local)).toBe(200);
  expect((await everywhere.ask('/board/api/queues')).status).toBe(404);
  expect(await (await everywhere.ask('/')).text()).toContain('No board');
});

/** Not by `fetch`, which does not let a caller set the host. */
async function statusAs(host: string, { ask }: { ask(path: string): Promise<Response> }): Promise<number | undefined> {
  const { url } = await ask('/board');
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

databaseTest('the page shows labels, and emails only to whoever holds the login', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ ...BLOCKED, email: 'annabel@example.org' }] });
  await using ops = await start({ databaseUrl, env: LOGIN });
  await using open = await start({ databaseUrl });
  const page = async (path: string, headers = {}, server = ops) => (await server.ask(path, { headers })).text();

  expect(await page('/')).toContain('a•••l@example.org');
  expect(await page('/', { authorization })).not.toContain('annabel');
  expect((await ops.ask('/?emails')).status).toBe(401);
  expect(await page('/?emails')).not.toContain('annabel');
  expect(await page('/?emails', { authorization })).toContain('annabel@example.org');
  expect(await page('/?emails', { authorization }, open)).not.toContain('annabel');
});

databaseTest(
  'the page of a degraded gate says whom it lacks, by tenant and reason',
  async ({ ledger, databaseUrl }) => {
    const [north, south] = [{ tenant: 'north' }, { tenant: 'south' }];
    const seeds = [
      { ...north, state: 'retrying', reason: 'timeout' },
      { ...north, email: 'grace@example.org', state: 'retrying', reason: 'timeout' },
      { ...south, state: 'retrying', reason: 'timeout' },
      { ...south, email: 'grace@example.org', state: 'waiting', reason: 'user-missing' },
      { ...south, email: 'alan@example.org', state: 'granted' },
    ] as const;
    await recordedRun(ledger, { seeds });
    await using ops = await start({ databaseUrl });

    const page = (await (await ops.ask('/')).text()).replaceAll('\u00a0', ' ');

    expect(page).toContain('<section class="open">');
    expect(page.match(/<code class="reason">[^<]+/g)).toEqual([
      '<code class="reason">timeout',
      '<code class="reason">user-missing',
    ]);
    expect(page).toContain('<td>north (2), south (1)</td>');
    expect(page).toContain('<td>south (1)</td>');
  },
);

databaseTest(
  'the page has a section for every current manifest, and for its own release',
  async ({ ledger, databaseUrl }) => {
    await recordedRun(ledger, { release: 'own', superseded: true, seeds: [{ state: 'superseded' }] });
    await recordedRun(ledger, { release: 'r2', seeds: [{ state: 'granted' }] });
    await recordedRun(ledger, { name: 'other', release: 'r3', seeds: [{ state: 'pending' }] });
    await using ops = await start({ databaseUrl, env: { ROLECALL_RELEASE: 'own' } });

    const page = await (await ops.ask('/')).text();

    expect(page.match(/<section class="\w+">/g)).toEqual([
      '<section class="open">',
      '<section class="pending">',
      '<section class="blocked">',
    ]);
    expect(page).toContain('A newer run took over');
  },
);

databaseTest(
  'the gate answers by status: open, closed, or a question that makes no sense',
  async ({ ledger, databaseUrl }) => {
    await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
    await using ops = await start({ databaseUrl });
    const gate = async (path: string) => {
      const response = await ops.ask(path);
      expect(response.headers.get('cache-control')).toBe('no-store');
      return [response.status, ((await response.json()) as { state?: string }).state];
    };

    expect(await gate('/gate')).toEqual([200, 'open']);
    expect(await gate('/gate?release=r1&tenant=flip')).toEqual([200, 'open']);
    expect(await gate('/gate?release=r2')).toEqual([503, 'unknown']);
    expect(await gate('/gate?tenant=west')).toEqual([503, 'unknown']);
    expect(await gate('/gate?relase=r2'), 'a mistyped question is not answered with another release').toEqual([
      400,
      undefined,
    ]);
    expect(await gate('/gate?release='), 'nor one whose variable was empty').toEqual([400, undefined]);
    expect(await gate('/gate?release=r1&release=r2')).toEqual([400, undefined]);

    await recordedRun(ledger, { name: 'other', seeds: [{ state: 'pending' }] });
    expect(await gate('/gate')).toEqual([400, undefined]);
    expect(await gate('/gate?name=other')).toEqual([503, 'pending']);
  },
);

databaseTest('a release is asked about by default where ROLECALL_RELEASE is set', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
  await using ops = await start({ databaseUrl, env: { ROLECALL_RELEASE: 'r2' } });

  expect((await ops.ask('/gate')).status).toBe(503);
  expect((await ops.ask('/gate?release=r1')).status).toBe(200);
});

databaseTest('a ledger that fails closes the gate, and page and metrics say so', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
  await using ops = await start({ databaseUrl });
  expect((await ops.ask('/gate')).status).toBe(200);

  await ledger.em.execute(sql`alter table rolecall.release rename column seeds to gone`); // any failure will do

  const gate = await ops.ask('/gate');
  expect([gate.status, await gate.json()]).toMatchObject([503, { state: 'unknown', open: false }]);
  const page = await ops.ask('/');
  expect([page.status, await page.text()]).toEqual([503, expect.stringContaining('The ledger does not answer')]);
  const metrics = await ops.ask('/metrics');
  expect([metrics.status, await metrics.text()]).toEqual([200, expect.stringContaining('rolecall_ledger_up 0')]);
});

databaseTest('metrics tell the gate and the seeds of current runs, and no email', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { superseded: true, seeds: [{ state: 'superseded' }] });
  await recordedRun(ledger, { release: 'r2', seeds: [...times(2, BLOCKED), { state: 'granted' }] });
  await recordedRun(ledger, {
    name: 'other',
    seeds: [{ state: 'granted' }, { state: 'retrying', reason: 'throttled' }],
  });
  await using ops = await start({ databaseUrl, metrics: new Registry() });

  const lines = (await (await ops.ask('/metrics')).text()).split('\n');

  expect(lines).toEqual(
    expect.arrayContaining([
      'rolecall_ledger_up 1',
      'rolecall_seeds{name="flip",state="blocked"} 2',
      'rolecall_seeds{name="flip",state="superseded"} 0',
      'rolecall_blocked_seeds{name="flip",tenant="flip",reason="user-missing"} 2',
      'rolecall_gate_state{name="flip",state="blocked"} 1',
      'rolecall_gate_open{name="flip"} 0',
      'rolecall_gate_open{name="other"} 1',
      'rolecall_gate_degraded{name="other"} 1',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('rolecall_gate_open'))).toHaveLength(2);
  expect(lines.find((line) => line.startsWith('rolecall_oldest_unsettled_age_seconds{name="flip"}'))).toMatch(
    / [\d.]+$/,
  );
  expect(lines.some((line) => line.startsWith('process_cpu_seconds_total'))).toBe(true);
  expect(lines.filter((line) => line.includes('@'))).toEqual([]);

  await ledger.em.execute(sql`update rolecall.seed set state = 'granted'`);
  const later = await (await ops.ask('/metrics')).text();
  expect(later, 'nothing is kept from one scrape to the next').not.toContain('rolecall_blocked_seeds{');
  expect(later).toContain('rolecall_gate_open{name="flip"} 1');
});

databaseTest('Redis may be away: the gate answers, and readiness says so', async ({ ledger, databaseUrl }) => {
  await recordedRun(ledger, { seeds: [{ state: 'granted' }] });
  await using ops = await start({ databaseUrl, env: { REDIS_URL: `redis://127.0.0.1:${await freePort()}` } });

  const [gate, live, ready] = await Promise.all([ops.ask('/gate'), ops.ask('/livez'), ops.ask('/readyz')]);

  expect([gate.status, live.status, ready.status]).toEqual([200, 200, 503]);
  expect(await ready.json()).toEqual({ ok: false, problems: { queue: 'does not answer' } });
});

databaseTest(
  'the board does not wait for a Redis that hangs, and says that a retry may still come',
  async ({ databaseUrl }) => {
    await using redis = await startFakeRedis(() => null);
    await using ops = await start({ databaseUrl, env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` } });
    const asked: [method: string, path: string][] = [
      ['GET', 'queues'],
      ['GET', 'redis/stats'],
      ['GET', 'queues/rolecall/1'],
      ['PUT', 'queues/rolecall/1/retry'],
      ['PUT', 'queues/rolecall/retry/failed'],
    ];

    const answers = await Promise.all(
      asked.map(async ([method, path]) => {
        const answer = await ops.ask(`/board/api/${path}`, { method, signal: AbortSignal.timeout(8_000) });
        return [answer.status, await answer.json()];
      }),
    );

    const error = 'the queue does not answer in time; look again before you repeat what you did';
    expect(answers).toEqual(asked.map(() => [503, { error }]));
  },
);

databaseTest('checks of other parts of the process are asked too', async ({ databaseUrl }) => {
  await using ops = await start({
    databaseUrl,
    live: { consumption: async () => 'no job was taken for a minute' },
    ready: { other: async () => null },
  });

  expect(await (await ops.ask('/livez')).json()).toMatchObject({ problems: { consumption: expect.any(String) } });
  expect((await ops.ask('/readyz')).status).toBe(200);
});

databaseTest('jobs that are waiting stay untouched when ops stops', async ({ ledger, databaseUrl }) => {
  const target: QueueTarget = { kind: 'postgres', url: databaseUrl };
  const { seeds } = await recordedRun(ledger, { seeds: [{ state: 'pending' }] });
  await using queue = openQueue(target);
  await addJobs(queue, seeds.map(toQueue));

  await (await start({ databaseUrl, target }))[Symbol.asyncDispose]();

  expect(await jobStates(queue, seeds)).toEqual(['prioritized']);
});
