import { expect, vi } from 'vitest';
import type { SeedQueue } from '#shared/queue/open-queue.ts';
import { execute } from './sql.ts';

/** Email → state, with the reason where there is one; of one run, or of the current ones. */
export async function statesOf(databaseUrl: string, run?: number): Promise<Record<string, string>> {
  const rows = await execute<{ email: string; state: string; reason: string | null }>(
    databaseUrl,
    `select s.email, s.state, s.reason from rolecall.seed s join rolecall.release r using (run)
     where case when $1::bigint is null then r.superseded_at is null else s.run = $1 end order by s.id`,
    [run ?? null],
  );
  return Object.fromEntries(rows.map(({ email, state, reason }) => [email, reason ? `${state}: ${reason}` : state]));
}

/** How many seeds of current runs are in each state. */
export async function countStates(databaseUrl: string): Promise<Record<string, number>> {
  const rows = await execute<{ state: string; count: number }>(
    databaseUrl,
    `select s.state, count(*)::int as count from rolecall.seed s join rolecall.release r using (run)
     where r.superseded_at is null group by s.state order by s.state`,
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

export async function untilStates(databaseUrl: string, expected: Record<string, string>, timeout = 20_000) {
  await vi.waitFor(async () => expect(await statesOf(databaseUrl)).toEqual(expected), { timeout, interval: 50 });
}

export async function untilCounts(databaseUrl: string, expected: Record<string, number>, timeout = 20_000) {
  await vi.waitFor(async () => expect(await countStates(databaseUrl)).toEqual(expected), { timeout, interval: 100 });
}

/** From here on every state that a seed takes is kept; returns a reader: email → the states in their order. */
export async function keepHistory(databaseUrl: string): Promise<() => Promise<Record<string, string[]>>> {
  await execute(
    databaseUrl,
    `create table public.history (id bigserial, email text, state text);
     create function public.keep_history() returns trigger language plpgsql as $$ begin
       insert into public.history (email, state)
       values (new.email, new.state || coalesce(': ' || new.reason, '')); return null; end $$;
     create trigger history after insert or update on rolecall.seed for each row execute function public.keep_history()`,
  );
  return async () => {
    const rows = await execute<{ email: string; state: string }>(
      databaseUrl,
      'select email, state from public.history order by id',
    );
    const byEmail = Map.groupBy(rows, ({ email }) => email);
    return Object.fromEntries([...byEmail].map(([email, of]) => [email, of.map(({ state }) => state)]));
  };
}

export interface GrantRow {
  readonly tenant_id: string;
  readonly user_id: string;
  readonly role_id: string;
}

export async function grantsIn(databaseUrl: string, schema = 'public'): Promise<GrantRow[]> {
  return execute(databaseUrl, `select tenant_id, user_id, role_id from ${schema}.user_role order by 1, 2, 3`);
}

/** One row for every line of the audit trail, in the same shape as the grants. */
export async function auditOf(databaseUrl: string): Promise<GrantRow[]> {
  return execute(
    databaseUrl,
    'select tenant as tenant_id, sub as user_id, role as role_id from rolecall.audit order by 1, 2, 3',
  );
}

/** Tenant → how many failed jobs have this `failedReason`. */
export async function failedJobs(queue: SeedQueue): Promise<string[]> {
  const jobs = await queue.getJobs(['failed']);
  return jobs.map((job) => job.failedReason ?? '').toSorted();
}

/** Presses Retry on every failed job, as the board does. */
export async function retryFailedJobs(queue: SeedQueue): Promise<void> {
  for (const job of await queue.getJobs(['failed'])) await job.retry('failed');
}

/** How many jobs are delayed. */
export async function untilDelayed(queue: SeedQueue, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await queue.getDelayedCount()).toBe(count), { timeout: 10_000 });
}
