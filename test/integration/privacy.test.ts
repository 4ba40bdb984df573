import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { auditOf, failedJobs, untilStates } from '../support/ledger.ts';
import { POOL } from '../support/manifest.ts';
import { execute } from '../support/sql.ts';
import { describeOnBothPlatforms } from '../support/worker.ts';

const SUB = '26a2b2d4-10c1-70f8-1a4e-9b3c5d7e0f01';
const EMAILS = ['granted', 'missing', 'twice', 'throttled', 'denied', 'reset', 'quoted'].map(
  (name) => `${name}.person@example.org`,
);
const [GRANTED = '', MISSING = '', TWICE = '', THROTTLED = '', DENIED = '', RESET = '', QUOTED = ''] = EMAILS;

describeOnBothPlatforms('a run with failures of every kind', (queueTest) => {
  queueTest(
    'leaves no email and no sub in the log, the metrics or the queue',
    async ({ cognito, produce, work, queue, redisUrl, databaseUrl }) => {
      cognito.addPool({
        id: POOL,
        users: [{ email: GRANTED, sub: SUB }, { email: TWICE }, { email: TWICE }, { email: THROTTLED }],
      });
      cognito.setFault({
        kind: 'error',
        name: 'TooManyRequestsException',
        message: `slow down, ${THROTTLED}`,
        email: THROTTLED,
      });
      cognito.setFault({
        kind: 'error',
        name: 'BrandNewException',
        message: `no ${DENIED}`,
        status: 400,
        email: DENIED,
      });
      cognito.setFault({ kind: 'reset', email: RESET });
      await produce({ tenants: [{ seeds: EMAILS }] }, 'v1');
      await execute(databaseUrl, `update rolecall.seed set email = 'x" or "' || email where email = $1`, [QUOTED]);
      const worker = await work();
      await untilStates(databaseUrl, {
        [GRANTED]: 'granted',
        [MISSING]: 'blocked: user-missing',
        [TWICE]: 'blocked: email-ambiguous',
        [THROTTLED]: 'retrying: throttled',
        [DENIED]: 'blocked: cognito-refused',
        [RESET]: 'retrying: network',
        [`x" or "${QUOTED}`]: 'blocked: email-malformed',
      });
      await expect.poll(async () => (await failedJobs(queue)).length).toBe(4);
      expect(await auditOf(databaseUrl)).toHaveLength(1);
      const metrics = await (await fetch(`${worker.url}/metrics`)).text();
      await worker[Symbol.asyncDispose]();

      const jobs = (await queue.getJobs()).map((job) => JSON.stringify(job.toJSON()));
      const stored = redisUrl === undefined ? await tablesOf(databaseUrl, 'bullmq') : await keysOf(redisUrl);
      expect(jobs).toHaveLength(EMAILS.length);
      for (const text of [metrics, ...worker.lines, ...jobs, ...stored]) {
        for (const secret of [...EMAILS, '.person@', SUB]) expect(text).not.toContain(secret);
      }
      expect(worker.lines.join('')).toContain('g•••n@example.org');
      expect(stored.join('')).toContain('g•••n@example.org'); // the dump is one, so that its silence proves something
    },
  );
});

/** Every row of every table, as text. */
async function tablesOf(databaseUrl: string, schema: string): Promise<string[]> {
  const tables = await execute<{ name: string }>(
    databaseUrl,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1`,
    [schema],
  );
  const rows = tables.map(({ name }) => execute<{ row: string }>(databaseUrl, `select t::text as row from ${name} t`));
  return (await Promise.all(rows)).flat().map(({ row }) => row);
}

/** Every key and its value, as text. */
async function keysOf(redisUrl: string): Promise<string[]> {
  const redis = new Redis(redisUrl);
  const keys = await redis.keys('*');
  const values = await Promise.all(keys.map(async (key) => `${key} ${JSON.stringify(await valueOf(redis, key))}`));
  redis.disconnect();
  return values;
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return redis.get(key);
  }
}
