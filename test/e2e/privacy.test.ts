import { expect, vi } from 'vitest';
import { untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { describeOnBothDeployments, untilGate } from '../support/deployment.ts';
import { everythingInRedis, everythingInSchema } from '../support/everything-in.ts';
import { execute } from '../support/sql.ts';

/** One of each ending; the names occur nowhere else. */
const GRANTED = { email: 'Quentin.Hollow@example.org', sub: '5a1c0de5-1111-70f8-9c2d-0123456789a1' };
const RETRIED = { email: 'rosalind.thorne@example.org', sub: '5a1c0de5-2222-70f8-9c2d-0123456789a2' };
const REFUSED = { email: 'sebastian.quill@example.org', sub: '5a1c0de5-3333-70f8-9c2d-0123456789a3' };
const UNVERIFIED = { email: 'theodora.vance@example.org', sub: '5a1c0de5-4444-70f8-9c2d-0123456789a4' };
const DOUBTED = { email: 'ulysses.wick@example.org', sub: '5a1c0de5-5555-70f8-9c2d-0123456789a5' };
const MISSING = { email: 'veronica.yarrow@example.org' };
const WAITED_FOR = { email: 'winifred.zell@example.org' };
const EVERYBODY = [GRANTED, RETRIED, REFUSED, UNVERIFIED, DOUBTED, MISSING, WAITED_FOR];
const SECRETS =
  /quentin|hollow|rosalind|thorne|sebastian|quill|theodora|vance|ulysses|veronica|yarrow|winifred|5a1c0de5/i;

describeOnBothDeployments('a run with failures and retries', (test) => {
  test('leaves no email and no sub in any log, answer, metric, job or key', async ({
    manifest,
    run,
    start,
    serve,
    cognito,
    databaseUrl,
    redisUrl,
  }) => {
    cognito.addPool({ id: POOL, users: [GRANTED, RETRIED, REFUSED, { ...UNVERIFIED, emailVerified: false }] });
    for (const { email } of [DOUBTED, DOUBTED]) cognito.addUser(POOL, { email });
    // Third parties quote what they were asked about.
    const message = `no luck with email = "${RETRIED.email}" (${RETRIED.sub})`;
    cognito.setFault({ email: RETRIED.email, kind: 'error', name: 'InternalErrorException', status: 500, message });
    await execute(
      databaseUrl,
      `create function public.refuse() returns trigger language plpgsql as $$ begin
         raise exception 'not ${REFUSED.email}, who is %', new.user_id using errcode = '23514'; end $$;
       create trigger refuse before insert on public.user_role for each row
         when (new.user_id = '${REFUSED.sub}') execute function public.refuse()`,
    );
    const seeds = EVERYBODY.map(({ email }) =>
      email === WAITED_FOR.email ? { email, onMissing: 'wait' as const } : email,
    );
    await manifest({ tenants: [{ seeds }] });
    const more = { LOG_LEVEL: 'trace' };

    const server = await serve('up --release v1', more);
    const worker = start('work', more);
    await worker.untilSays(/"msg":"consuming"/);
    const settled = {
      [GRANTED.email]: 'granted',
      [RETRIED.email]: 'retrying: cognito-unavailable',
      [REFUSED.email]: 'blocked: grants-refused',
      [UNVERIFIED.email]: 'blocked: email-unverified',
      [DOUBTED.email]: 'blocked: email-ambiguous',
      [MISSING.email]: 'blocked: user-missing',
      [WAITED_FOR.email]: 'waiting: user-missing',
    };
    await untilStates(databaseUrl, settled);
    const replayed = await run(`replay --email ${MISSING.email}`, more);
    await untilStates(databaseUrl, settled);
    await server.ask('/board/api/queues/rolecall/retry/failed', { method: 'PUT' });
    await untilStates(databaseUrl, settled);
    await vi.waitFor(async () => expect((await run('gate', more)).exitCode).toBe(3), 20_000);
    const commands = [
      'gate --json',
      'status',
      'status --json',
      'produce --release v1 --json',
      'validate --json',
      'validate',
    ];
    const ended = await Promise.all(commands.map((command) => run(command, more)));

    await untilGate(server, { state: 'blocked', counts: { blocked: 4 } });
    const queue = await (redisUrl === undefined
      ? everythingInSchema(databaseUrl, 'bullmq')
      : everythingInRedis(redisUrl));
    const jobs = [...new Set(queue.match(/\br1-s\d+\b/g))];
    const board = '/board/api/queues';
    const statuses = ['latest', 'active', 'waiting', 'prioritized', 'completed', 'failed', 'delayed'];
    const paths = [
      '/',
      '/gate',
      '/metrics',
      '/livez',
      '/readyz',
      '/board',
      board,
      ...statuses.map((status) => `${board}?activeQueue=rolecall&status=${status}&page=1&jobsPerPage=50`),
      ...jobs.flatMap((job) => [`${board}/rolecall/${job}`, `${board}/rolecall/${job}/logs`]),
    ];
    const answers = await Promise.all(paths.map(async (path) => `${path}\n${await (await server.ask(path)).text()}`));
    server.process.kill('SIGTERM');
    worker.kill('SIGTERM');
    await Promise.all([server.process.ended, worker.ended]);

    // What was looked through is what should have been.
    expect(jobs).toHaveLength(EVERYBODY.length);
    expect(queue).toContain('q•••w@example.org'.replace('q', 'Q'));
    expect(queue).toContain('grants-refused');
    expect(answers.join('\n')).toContain('v•••w@example.org');
    expect(`${server.process.stderr}${worker.stderr}`).toMatch(/"outcome":"retrying","reason":"cognito-unavailable"/);
    expect(`${server.process.stderr}${worker.stderr}`).toMatch(/"reason":"grants-refused"/);
    expect(ended[1]?.stdout).toContain('s•••l@example.org');

    const texts = [
      ...[server.process, worker, replayed, ...ended].flatMap(({ stdout, stderr }) => [stdout, stderr]),
      ...answers,
      queue,
    ];
    expect(texts.flatMap((text) => text.split('\n').filter((line) => SECRETS.test(line)))).toEqual([]);
  });
});
