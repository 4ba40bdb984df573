import { createHash } from 'node:crypto';
import { RunId, SeedId, Sub } from '#shared/contract/ids.ts';
import { openLedger, type Ledger } from '#shared/ledger/ledger.ts';
import { runPrepared } from '#shared/ledger/run-statement.ts';
import { createGrantStores } from '../../src/worker/grants/grant-stores.ts';
import { createGrantsDatabases, type GrantsDatabasesOptions } from '../../src/worker/grants/grants-databases.ts';
import { createSeedGranter } from '../../src/worker/grant-seed.ts';
import type { Outcome } from '../../src/worker/outcome.ts';
import { createSeedTaker } from '../../src/worker/take-seed.ts';
import { ADMIN, RESEARCHER } from './manifest.ts';
import { execute } from './sql.ts';

/** FLIP's tables as they were first: nothing stops a second row. */
export const FIRST_SHAPE = `
  create schema flip;
  create table flip.roles (id uuid primary key, name varchar(100) not null);
  create table flip.user_role (
    id uuid primary key, user_id uuid not null, role_id uuid not null references flip.roles (id)
  );
  insert into flip.roles values ('${ADMIN}', 'Admin'), ('${RESEARCHER}', 'Researcher')`;

/** And as they were later: a role may be held for one trust only, and two partial indexes stop a second row. */
export const LATER_SHAPE = `${FIRST_SHAPE};
  alter table flip.user_role add column trust_id uuid;
  create unique index user_role_everywhere on flip.user_role (user_id, role_id) where trust_id is null;
  create unique index user_role_in_trust on flip.user_role (user_id, role_id, trust_id) where trust_id is not null`;

export const FIRST_TABLE = { name: 'user_role', columns: { id: 'id' } };
export const LATER_TABLE = { name: 'user_role', columns: { id: 'id', scope: 'trust_id' } };
export const inFlip = (table: object, more: object = {}) => ({ schema: 'flip', table, ...more });

/** The same for the same email, whichever worker asks. */
export function subOf(email: string): Sub {
  const hex = createHash('sha256').update(email).digest('hex');
  return Sub.parse(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
  );
}

export interface Granter extends AsyncDisposable {
  /** Takes the seeds of a tenant, or all, and grants them, some at a time; the outcomes in the order of the seeds. */
  grant(tenant?: string): Promise<(Outcome | null)[]>;
}

/** What a worker does between Cognito's answer and the settled seed, with connections of its own. */
export async function openGranter(url: string, options: Partial<GrantsDatabasesOptions> = {}): Promise<Granter> {
  const ledger = await openLedger({ url, maxConnections: 10 });
  const databases = createGrantsDatabases({ ledgerUrl: url, urlOf: () => ({ url }), ...options });
  const prepared = await runPrepared(ledger);
  const takeSeed = createSeedTaker(ledger.em, prepared);
  const grantSeed = createSeedGranter({
    execute: prepared,
    ledger: ledger.em,
    databases,
    stores: createGrantStores(Date.now),
  });
  return {
    async grant(tenant) {
      const seeds = await seedsOf(ledger, tenant);
      const outcomes: (Outcome | null)[] = [];
      const work = async () => {
        for (let next = seeds.shift(); next !== undefined; next = seeds.shift()) {
          const seed = await takeSeed(next);
          outcomes[next.at] = seed && (await grantSeed(seed, subOf(seed.email)));
        }
      };
      await Promise.all(Array.from({ length: 30 }, work));
      return outcomes;
    },
    async [Symbol.asyncDispose]() {
      await databases[Symbol.asyncDispose]();
      await ledger.close(true);
    },
  };
}

async function seedsOf({ em }: Ledger, tenant: string | undefined) {
  const rows = await em
    .fork()
    .execute<{ id: number; run: number; tenant: string }[]>(
      'select s.id::int, s.run::int, s.tenant from rolecall.seed s join rolecall.release r using (run) where r.superseded_at is null order by s.id',
    );
  const wanted = rows.filter((row) => tenant === undefined || row.tenant === tenant);
  return wanted.map(({ id, run }, at) => ({ seedId: SeedId.parse(id), run: RunId.parse(run), at }));
}

/** Outcomes by what became of them, with the reason where there is one. */
export function tally(outcomes: readonly (Outcome | null)[]): Record<string, number> {
  const kinds = outcomes.map((outcome) => {
    if (outcome === null) return 'nothing to do';
    return 'reason' in outcome ? `${outcome.kind}: ${outcome.reason}` : outcome.kind;
  });
  return Object.fromEntries([...Map.groupBy(kinds, (kind) => kind)].map(([kind, of]) => [kind, of.length]));
}

export async function rowsOf(url: string, columns = 'user_id, role_id', table = 'flip.user_role'): Promise<object[]> {
  return execute(url, `select ${columns} from ${table} order by ${columns}`);
}
