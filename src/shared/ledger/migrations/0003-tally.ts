import { Migration } from '@mikro-orm/migrations';

/** How many seeds of a run are in each state, kept beside the seeds; and when a run lost its seeds to retention. */
export class Ledger0003 extends Migration {
  override up(): void {
    this.addSql(`alter table "rolecall"."release" add column "pruned_at" timestamptz(3) null`);
    this.addSql(`
      create table "rolecall"."seed_tally" (
        "id" bigserial primary key,
        "run" bigint not null,
        "state" varchar(10) not null,
        "delta" int not null
      )`);
    this.addSql(`create index "seed_tally_run_idx" on "rolecall"."seed_tally" ("run", "state")`);
    // With the rights of its owner: whoever may change seeds need not, and cannot otherwise, write the tally.
    this.addSql(`
      create function "rolecall"."tally_seeds"() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      begin
        if tg_op = 'INSERT' then
          insert into rolecall.seed_tally (run, state, delta)
          select run, state, count(*) from added group by run, state;
        elsif tg_op = 'DELETE' then
          insert into rolecall.seed_tally (run, state, delta)
          select run, state, -count(*) from removed group by run, state;
        else
          insert into rolecall.seed_tally (run, state, delta)
          select run, state, sum(delta)
          from (select run, state, 1 as delta from added union all select run, state, -1 from removed) as moved
          group by run, state having sum(delta) <> 0;
        end if;
        return null;
      end $$`);
    for (const trigger of Object.values(TALLY_TRIGGERS)) this.addSql(trigger);
    // The triggers hold off writers until this commits, so that every seed is counted, and once.
    this.addSql(`
      insert into "rolecall"."seed_tally" ("run", "state", "delta")
      select "run", "state", count(*) from "rolecall"."seed" group by "run", "state"`);
  }
}

/** Transition tables cannot be had by one trigger for several events. */
export const TALLY_TRIGGERS = {
  seed_tally_insert: `
      create trigger "seed_tally_insert" after insert on "rolecall"."seed" referencing new table as added
      for each statement execute function "rolecall"."tally_seeds"()`,
  seed_tally_update: `
      create trigger "seed_tally_update" after update on "rolecall"."seed" referencing new table as added old table as removed
      for each statement execute function "rolecall"."tally_seeds"()`,
  seed_tally_delete: `
      create trigger "seed_tally_delete" after delete on "rolecall"."seed" referencing old table as removed
      for each statement execute function "rolecall"."tally_seeds"()`,
} as const;
