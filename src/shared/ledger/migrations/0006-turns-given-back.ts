import { Migration } from '@mikro-orm/migrations';

/**
 * A tenant's last turn is that of its last seed that is parked for the same run, so whoever leaves without a slot gives its
 * turn back, and a release that takes over does not wait for those of the one before. Who comes back for its slot names the
 * budget as well: where nobody else came, a changed one would not have held. Workers of a release before it may still be at
 * work: their pace knows no `farthest`, and they go on without it.
 */
export class Ledger0006 extends Migration {
  override up(): void {
    this.addSql(
      `create index "pacing_parked_tenant_idx" on "rolecall"."pacing_parked" ("domain", "tenant", "run", "turn")`,
    );
    this.addSql(OPEN_DOMAIN);
    this.addSql(PARK_SEED);
    this.addSql(RESERVE_SLOT);
    this.addSql(`drop table "rolecall"."pacing_tenant"`);
  }
}

/** As before, but no slot is farther away than it can be: the clock may have gone back. */
const OPEN_DOMAIN = `
create or replace function rolecall.open_pacing_domain(
  p_domain text, p_rate float8, pace jsonb, out d rolecall.pacing_domain, out t float8, out factor float8
) language plpgsql as $$
declare farthest float8;
begin
  -- The row stays locked until the commit is on disk. A reservation that a crash forgets is no loss, so nobody waits for it.
  perform set_config('synchronous_commit', 'off', true);
  select * into d from rolecall.pacing_domain where domain = p_domain for update;
  if not found then
    insert into rolecall.pacing_domain (domain, rate) values (p_domain, coalesce(p_rate, 1)) on conflict (domain) do nothing;
    select * into d from rolecall.pacing_domain where domain = p_domain for update;
  end if;
  t := rolecall.epoch_ms();
  if p_rate <= d.rate or d.rate_at < t - (pace->>'budgetHolds')::float8 then
    d.rate := coalesce(p_rate, d.rate);
    d.rate_at := case when p_rate is null then d.rate_at else t end;
  end if;
  factor := least(1, d.slowed
    + greatest(0, t - d.slowed_at - (pace->>'slowedFor')::float8) / 1000 * (pace->>'recoveryPerSecond')::float8);
  farthest := t + (pace->>'farthest')::float8 + (pace->>'keptOneIn')::float8 * 1000 / (d.rate * factor);
  d.next_slot := least(greatest(d.next_slot, t), farthest);
  d.kept := least(d.kept, farthest);
end $$`;

const PARK_SEED = `
create or replace function rolecall.park_seed(p_domain text, p_tenant text, p_run bigint, p_seed bigint, pace jsonb)
returns void language plpgsql as $$
declare o record; mine bigint;
begin
  select * into o from rolecall.open_pacing_domain(p_domain, null, pace);
  if exists (select from rolecall.pacing_parked where seed = p_seed) then return; end if;
  mine := 1 + greatest((o.d).turn, (
    select max(turn) from rolecall.pacing_parked where domain = p_domain and tenant = p_tenant and run = p_run
  ));
  insert into rolecall.pacing_parked values (p_seed, p_run, p_tenant, p_domain, mine);
  update rolecall.pacing_domain set due_at = least(due_at, (o.d).next_slot - (pace->>'horizon')::float8 / 2)
  where domain = p_domain;
end $$`;

/** As before, but for the first statement of whoever had a slot. */
const RESERVE_SLOT = `
create or replace function rolecall.reserve_slot(
  p_domain text, p_rate float8, p_tenant text, p_run bigint, p_seed bigint, pace jsonb,
  out kind text, out wait float8
) language plpgsql as $$
declare
  o record; d rolecall.pacing_domain; t float8 := rolecall.epoch_ms(); had float8; parked boolean;
  near float8 := (pace->>'near')::float8; horizon float8 := (pace->>'horizon')::float8;
  holds float8 := (pace->>'budgetHolds')::float8;
begin
  select slot into had from rolecall.pacing_admitted where seed = p_seed;
  if had is not null then
    -- The one who confirms a budget must do so before it is forgotten; twice as often as that is seldom.
    update rolecall.pacing_domain set rate = p_rate, rate_at = t
    where domain = p_domain and (p_rate < rate or rate_at < t - case when p_rate = rate then holds / 2 else holds end);
  end if;
  if had > t + near then kind := 'later'; wait := had - t; return; end if;
  delete from rolecall.pacing_admitted where seed = p_seed;
  if had > t - (pace->>'late')::float8 then kind := 'soon'; wait := greatest(0, had - t); return; end if;

  select * into o from rolecall.open_pacing_domain(p_domain, p_rate, pace);
  d := o.d; t := o.t;
  parked := exists (select from rolecall.pacing_parked where domain = p_domain);
  if not parked then d := rolecall.keep_no_slots(d, t, pace); end if;
  if had is not null or (d.next_slot <= t + horizon and not parked) then
    wait := d.next_slot - t;
    -- Who came too late had no free worker, and may not find one in time again: it waits where it is.
    kind := case when had is not null or wait <= near then 'soon' else 'later' end;
    if kind = 'later' then
      insert into rolecall.pacing_admitted values (p_seed, p_run, p_tenant, p_domain, d.next_slot);
      d.due_at := least(d.due_at, d.next_slot + (pace->>'missed')::float8);
    end if;
    d.next_slot := d.next_slot + rolecall.step_of_turns(d, t, o.factor, pace);
  else
    kind := 'full';
  end if;
  update rolecall.pacing_domain
  set rate = d.rate, rate_at = d.rate_at, next_slot = d.next_slot, due_at = d.due_at, kept = d.kept
  where domain = p_domain;
end $$`;
