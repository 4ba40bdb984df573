import { execute } from './sql.ts';

export interface Tallied {
  readonly run: number;
  readonly state: string;
  readonly tallied: number | null;
  readonly counted: number | null;
}

/** Where the tally and the seeds differ, both read at one moment; empty when they agree. */
export function tallyErrors(databaseUrl: string): Promise<Tallied[]> {
  return execute<Tallied>(
    databaseUrl,
    `select * from (
       select run::int, state, sum(delta)::int as tallied from rolecall.seed_tally group by run, state having sum(delta) <> 0
     ) as tally full join (
       select run::int, state, count(*)::int as counted from rolecall.seed group by run, state
     ) as seeds using (run, state)
     where tallied is distinct from counted`,
  );
}
