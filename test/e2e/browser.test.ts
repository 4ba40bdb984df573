import { expect } from 'vitest';
import type { BrowserContextOptions } from 'playwright-core';
import { POOL } from '../support/manifest.ts';
import { inFlip, LATER_TABLE } from '../support/own-tables.ts';
import { complaintsOf, findChromium, openBrowser } from '../support/browser.ts';
import { deploymentTest, untilGate, type Server } from '../support/deployment.ts';

const chromium = findChromium();
const LOGIN = { ROLECALL_BOARD_USER: 'ops', ROLECALL_BOARD_PASSWORD: 's3cret:with colon' };
const ADA = 'ada@example.org';
const MISSING = ['grace@example.org', 'edith@example.org'] as const;

const test = deploymentTest
  .extend('browser', { scope: 'file' }, async ({}, { onCleanup }) => {
    const browser = await openBrowser(chromium ?? '');
    onCleanup(() => browser.close());
    return browser;
  })
  .extend('open', async ({ browser }, { onCleanup }) => {
    const opened = new AsyncDisposableStack();
    onCleanup(() => opened.disposeAsync());
    /** A page of a browser that has seen nothing yet. */
    return async (options: BrowserContextOptions = {}) => {
      const context = opened.adopt(await browser.newContext(options), (each) => each.close());
      return context.newPage();
    };
  })
  .extend('blocked', ({ manifest, serve, cognito }) => {
    /** A server whose gate two missing users close. */
    return async (env = {}): Promise<Server> => {
      cognito.addPool({ id: POOL, users: [{ email: ADA }] });
      await manifest({ tenants: [{ seeds: [ADA, ...MISSING] }] });
      const server = await serve('up --release v1', env);
      await untilGate(server, { state: 'blocked', counts: { blocked: 2, granted: 1 } });
      return server;
    };
  })
  .extend('mend', ({ cognito }) => () => {
    for (const email of MISSING) cognito.addUser(POOL, { email });
  });

const browserTest = test.skipIf(chromium === null);

browserTest('the page says that the gate is blocked, why, and what to do', async ({ blocked, open }) => {
  const server = await blocked();
  const page = await open({ javaScriptEnabled: false });
  await page.goto(server.url);

  expect(await page.title()).toBe('blocked · rolecall');
  const text = await page.locator('main').innerText();
  expect(text).toMatch(/✕ blocked/);
  expect(text).toMatch(
    /user-missing\s+No user of the pool has this email\.\s+Create the user in the pool, then replay\. Or set onMissing in the manifest and produce a new release\./,
  );
  expect(text).toContain('g•••e@example.org');
  expect(text).toContain('npm run -s rolecall -- replay --name flip --reason user-missing');
  expect(await page.content()).not.toMatch(/grace|edith/);
  await page.getByRole('link', { name: 'board', exact: true }).click();
  expect(new URL(page.url()).pathname).toBe('/board/queue/rolecall');
});

browserTest('a statement that would mend a table fits on the page', async ({ manifest, serve, open, cognito }) => {
  cognito.addPool({ id: POOL, users: [{ email: ADA }] });
  await manifest({ tenants: [{ grants: inFlip(LATER_TABLE), seeds: [ADA] }] });
  const server = await serve('up --release v1');
  await untilGate(server, { state: 'blocked' });
  const page = await open({ viewport: { width: 1000, height: 900 } });
  await page.goto(server.url);
  const table = page.locator('.scroll', { hasText: 'What to do' });

  expect(await table.innerText()).toContain('create table "flip"."user_role"');
  expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
});

browserTest('the page needs nothing but itself, and says open by itself', async ({ blocked, open, mend, run }) => {
  const server = await blocked();
  const page = await open();
  const complaints = complaintsOf(page);
  const requests: string[] = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  await page.goto(server.url);

  mend();
  expect(await run('replay --all')).toMatchObject({ exitCode: 0 });
  await page.getByText('✓ open').waitFor({ timeout: 15_000 });

  expect(await page.title()).toBe('open · rolecall');
  expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0);
  expect(requests.filter((path) => path !== '/' && path !== '/favicon.ico')).toEqual([]);
  expect(complaints).toEqual([]);
});

browserTest(
  'on the board, "Retry all" puts the failed jobs back and opens the gate',
  async ({ blocked, open, mend }) => {
    const server = await blocked();
    const page = await open({ viewport: { width: 1600, height: 900 } });
    const complaints = complaintsOf(page);
    await page.goto(`${server.url}/board`);
    await page.getByRole('link', { name: 'rolecall', exact: true }).last().click();
    await page.getByRole('link', { name: /^Failed/i }).click();
    const failed = page.getByText(/^flip · [ge]•••[eh]@example\.org$/);
    await expect.poll(() => failed.count(), { timeout: 10_000 }).toBe(2);
    const error = page.getByRole('tabpanel').first();
    await expect.poll(async () => (await error.innerText()).trim()).toMatch(/user-missing[^]*Create the user/);

    mend();
    await page.getByRole('button', { name: 'Retry all' }).click();
    await page.getByRole('button', { name: 'Confirm' }).click();

    await expect.poll(() => failed.count(), { timeout: 15_000 }).toBe(0);
    await untilGate(server, { state: 'open', counts: { granted: 3 } });
    await page.goto(server.url);
    await page.getByText('✓ open').waitFor();
    expect(complaints.filter((complaint) => !complaint.includes('https://fonts.googleapis.com/'))).toEqual([]);
  },
);

browserTest('with a login, the board opens only to whoever has it', async ({ blocked, open }) => {
  const server = await blocked(LOGIN);
  const httpCredentials = { username: LOGIN.ROLECALL_BOARD_USER, password: LOGIN.ROLECALL_BOARD_PASSWORD };
  const [stranger, operator] = await Promise.all([open(), open({ httpCredentials })]);

  await stranger.goto(server.url);
  await stranger.getByText('✕ blocked').waitFor();
  const refused = stranger.waitForResponse(`${server.url}/board`);
  await stranger.getByRole('link', { name: 'Board', exact: true }).click({ noWaitAfter: true });
  expect((await refused).status()).toBe(401);

  expect((await operator.goto(`${server.url}/board/queue/rolecall?status=failed`))?.status()).toBe(200);
  await operator.getByText('flip · g•••e@example.org').waitFor();
  await operator.goto(server.url);
  await operator.getByRole('link', { name: 'Show emails' }).click();
  await operator.getByText(MISSING[0]).waitFor();
});
