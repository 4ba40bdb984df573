import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import type { Emulator } from '../../demo/cognito/emulator.ts';
import { statesOf } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { describeOnBothDeployments, deploymentTest, untilGate } from '../support/deployment.ts';

const ADA = 'ada@example.org';

describeOnBothDeployments('up', (test) => {
  test('serves probes, gate, metrics, page and board, and ends by SIGTERM with exit code 0', async ({
    manifest,
    serve,
    cognito,
  }) => {
    cognito.addPool({ id: POOL, users: [{ email: ADA }] });
    await manifest({ tenants: [{ seeds: [ADA] }] });
    const server = await serve('up --release v1', { ROLECALL_RELEASE: 'v0' }); // whoever types it means it
    await untilGate(server, { state: 'open' });

    const answers = await Promise.all(
      ['/livez', '/readyz', '/gate?release=v1', '/metrics', '/', '/board'].map(async (path) => {
        const answer = await server.ask(path);
        return [answer.status, await answer.text()] as const;
      }),
    );
    expect(answers.map(([status]) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    const [, , , metrics, page, board] = answers.map(([, body]) => body);
    expect(metrics).toContain('rolecall_gate_open{name="flip"} 1');
    expect(metrics).toContain('rolecall_jobs_settled_total{outcome="granted",reason=""} 1');
    expect(metrics).toContain('rolecall_cognito_requests_total{operation="ListUsers",outcome="ok"} 1');
    expect(page).toContain('✓ open');
    expect(board).toContain('rolecall');
    expect((await server.ask('/gate?release=v2')).status).toBe(503);
    expect((await server.ask('/gate?relaese=v1')).status).toBe(400);

    server.process.kill('SIGTERM');
    expect(await server.process.ended).toMatchObject({ exitCode: 0, stdout: '' });
  });

  test('lets the job that runs finish when SIGTERM comes', async ({ manifest, serve, cognito, databaseUrl, queue }) => {
    cognito.addPool({ id: POOL, users: [{ email: ADA }] });
    cognito.setLatency(2_500);
    await manifest({ tenants: [{ seeds: [ADA] }] });
    const { process } = await serve('up');
    await untilAsked(cognito);

    process.kill('SIGTERM');

    expect(await process.ended).toMatchObject({ exitCode: 0 });
    expect(process.stderr).toContain('"msg":"stopping"');
    expect(await statesOf(databaseUrl)).toEqual({ [ADA]: 'granted' });
    expect(await queue.getJobCounts('active', 'completed')).toEqual({ active: 0, completed: 1 });
  });
});

deploymentTest('a second SIGTERM ends at once', async ({ manifest, serve, cognito }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  cognito.setFault({ kind: 'hang' });
  await manifest({ tenants: [{ seeds: [ADA] }] });
  const { process } = await serve('up', { ROLECALL_SHUTDOWN_TIMEOUT_MS: '60000' });
  await untilAsked(cognito);

  process.kill('SIGTERM');
  await process.untilSays(/"msg":"stopping"/);
  await sleep(300); // sooner, it passes for the first one
  const asked = performance.now();
  process.kill('SIGTERM');

  expect(await process.ended).toMatchObject({ exitCode: 1 });
  expect(performance.now() - asked).toBeLessThan(2_000);
});

deploymentTest('a worker whose job hangs leaves when its time is up', async ({ manifest, run, serve, cognito }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  cognito.setFault({ kind: 'hang' });
  await manifest({ tenants: [{ seeds: [ADA] }] });
  const { process } = await serve('work', { ROLECALL_SHUTDOWN_TIMEOUT_MS: '200' });
  await run('produce');
  await untilAsked(cognito);

  const asked = performance.now();
  process.kill('SIGTERM');

  expect(await process.ended).toMatchObject({ exitCode: 0 });
  expect(performance.now() - asked).toBeLessThan(4_000); // sooner than Cognito's own deadline
});

deploymentTest('whoever waits for a gate and is stopped has not seen it open', async ({ manifest, start, run }) => {
  await manifest({ tenants: [{ seeds: [ADA] }] });
  const producing = start('produce --wait');
  await producing.untilSays(/waiting: pending/);
  const waiting = start('gate --wait');
  await waiting.untilSays(/waiting: pending, pending 1/);

  waiting.kill('SIGTERM');
  producing.kill('SIGINT');

  expect(await waiting.ended).toMatchObject({ exitCode: 4 });
  expect(await producing.ended).toMatchObject({ exitCode: 4 });
  expect(await run('gate')).toMatchObject({ exitCode: 4 });
});

deploymentTest('two servers cannot have one port, and the second says so', async ({ manifest, serve, run }) => {
  await manifest({ tenants: [{ seeds: [ADA] }] });
  expect(await run('produce')).toMatchObject({ exitCode: 0 });
  const first = await serve('ops');
  const { port } = new URL(first.url);

  const second = await run('ops', { PORT: port });

  expect(second.exitCode).toBe(5);
  expect(second.stderr).toContain(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
  expect((await first.ask('/readyz')).status).toBe(200);
});

/** A worker is in the middle of its first job. */
async function untilAsked(cognito: Emulator): Promise<void> {
  await vi.waitFor(() => expect(cognito.counts.calls.ListUsers).toBeGreaterThan(0), { timeout: 10_000, interval: 10 });
}
