import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Looks into the ledger from outside, so cheaply that it does not disturb what it watches. */
export interface LedgerProbe extends AsyncDisposable {
  /** Resolves when the current release of this manifest is there and all of its seeds have their verdict. */
  untilSettled(name: string): Promise<void>;
  /** Rejects when not every seed holds its role: no time is worth anything for grants that were not made. */
  verifyGranted(name: string, seeds: number): Promise<void>;
  /** Resolves when at least so many seeds of it are granted. */
  untilUnderWay(name: string, granted: number): Promise<void>;
}

export interface ProbeOptions {
  readonly url: string;
  readonly signal: AbortSignal;
}

/** Of the shortest time that is measured, a second, a twentieth; each look costs as much as some seeds. */
const LOOK_EVERY_MS = 50;
/** Longer than any bench should take: what is not done by then never will be. */
const GIVE_UP_AFTER_MS = 300_000;

/** Prepared: planning them costs more than looking. */
const IS_SETTLED = {
  name: 'is-settled',
  text: `
    select not exists (
      select 1 from rolecall.seed s where s.run = r.run and s.state in ('pending', 'retrying', 'waiting')
    ) as done
    from rolecall.release r where r.name = $1 and r.superseded_at is null`,
};

const HAS_GRANTED = {
  name: 'has-granted',
  text: `
    select count(*) >= $2 as done from rolecall.seed s join rolecall.release r using (run)
    where r.name = $1 and r.superseded_at is null and s.state = 'granted'`,
};

const STATES = `
  select s.state, s.reason, count(*)::int as seeds
  from rolecall.seed s join rolecall.release r using (run)
  where r.name = $1 and r.superseded_at is null group by s.state, s.reason`;

const GRANTS = `
  select count(*)::int as grants from public.user_role
  where tenant_id in (
    select t.tenant from rolecall.release_tenant t join rolecall.release r using (run)
    where r.name = $1 and r.superseded_at is null
  )`;

export async function openLedgerProbe({ url, signal }: ProbeOptions): Promise<LedgerProbe> {
  const client = new pg.Client({ connectionString: url, application_name: 'rolecall-bench' });
  client.on('error', () => {}); // the query in flight rejects
  await client.connect();
  await client.query('set enable_seqscan = off'); // every look is a look into an index, whatever the statistics say

  async function until(look: typeof IS_SETTLED, values: unknown[]): Promise<void> {
    const deadline = performance.now() + GIVE_UP_AFTER_MS;
    while ((await client.query<{ done: boolean }>({ ...look, values })).rows[0]?.done !== true) {
      if (performance.now() > deadline) throw new Error(`not done in time: ${await statesOf(String(values[0]))}`);
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }

  async function statesOf(name: string): Promise<string> {
    const { rows } = await client.query<{ state: string; reason: string | null; seeds: number }>(STATES, [name]);
    return rows.map(({ state, reason, seeds }) => `${seeds} ${state} ${reason ?? ''}`.trim()).join(', ');
  }

  return {
    untilSettled: (name) => until(IS_SETTLED, [name]),
    async verifyGranted(name, seeds) {
      const states = await statesOf(name);
      const { rows } = await client.query<{ grants: number }>(GRANTS, [name]);
      if (states !== `${seeds} granted` || rows[0]?.grants !== seeds) {
        throw new Error(`expected ${seeds} granted, found ${states} and ${rows[0]?.grants} grants`);
      }
    },
    untilUnderWay: (name, granted) => until(HAS_GRANTED, [name, granted]),
    [Symbol.asyncDispose]: () => client.end(),
  };
}
