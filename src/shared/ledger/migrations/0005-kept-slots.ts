import { Migration } from '@mikro-orm/migrations';

/**
 * Opening a domain is cheaper. While seeds are parked, one slot in a few is kept for what cannot be parked, and turns get the rest. Workers of a release
 * before it may still be at work: they know neither `kept` nor its numbers in `pace`, and go on as they did.
 */
export class Ledger0005 extends Migration {
  override up(): void {
    this.addSql(`alter table "rolecall"."pacing_domain" add column "kept" float8 not null default 0`);
    this.addSql(OPEN_DOMAIN);
    this.addSql(STEP_OF_TURNS);
    this.addSql(KEEP_NO_SLOTS);
    this.addSql(TAKE_SLOT_WITHIN);
    this.addSql(RESERVE_SLOT);
    this.addSql(ADMIT_PARKED);
  }
}

/** As before, but an insert is tried only for a domain that nobody knows: it cost as much as the rest. */
const OPEN_DOMAIN = `
create or replace function rolecall.open_pacing_domain(
  p_domain text, p_rate float8, pace jsonb, out d rolecall.pacing_domain, out t float8, out factor float8
) language plpgsql as $$
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
  d.next_slot := greatest(d.next_slot, t);
end $$`;

/** From one slot for those whose turn it is to the next one: longer while some in between are kept. */
const STEP_OF_TURNS = `
create function rolecall.step_of_turns(d rolecall.pacing_domain, t float8, factor float8, pace jsonb)
returns float8 language sql immutable as $$
  select 1000 / (d.rate * factor) * case
    when d.kept > t - (pace->>'keptFor')::float8
    then (pace->>'keptOneIn')::float8 / ((pace->>'keptOneIn')::float8 - 1)
    else 1
  end
$$`;

/** Nobody is parked: what was taken of the slots that are to come counts against all. */
const KEEP_NO_SLOTS = `
create function rolecall.keep_no_slots(d rolecall.pacing_domain, t float8, pace jsonb)
returns rolecall.pacing_domain language plpgsql immutable as $$
begin
  d.next_slot := d.next_slot + greatest(0, d.kept - t) / coalesce((pace->>'keptOneIn')::float8, 1);
  d.kept := 0;
  return d;
end $$`;

const TAKE_SLOT_WITHIN = `
create function rolecall.take_slot_within(
  p_domain text, p_rate float8, p_within float8, pace jsonb, out wait float8, out is_taken boolean
) language plpgsql as $$
declare
  o record; d rolecall.pacing_domain; t float8; slot float8; every float8;
  parked boolean; keeping boolean;
begin
  select * into o from rolecall.open_pacing_domain(p_domain, p_rate, pace);
  d := o.d; t := o.t; every := 1000 / (d.rate * o.factor);
  parked := exists (select from rolecall.pacing_parked where domain = p_domain);
  if not parked then d := rolecall.keep_no_slots(d, t, pace); end if;
  keeping := d.kept > t - (pace->>'keptFor')::float8;
  slot := case when keeping then greatest(d.kept, t) else d.next_slot end;
  wait := slot - t;
  is_taken := wait <= p_within;
  if is_taken then
    if not keeping then d.next_slot := slot + every; end if;
    if parked then d.kept := slot + every * (pace->>'keptOneIn')::float8; end if;
  end if;
  update rolecall.pacing_domain
  set rate = d.rate, rate_at = d.rate_at, next_slot = d.next_slot, kept = d.kept where domain = p_domain;
end $$`;

const RESERVE_SLOT = `
create or replace function rolecall.reserve_slot(
  p_domain text, p_rate float8, p_tenant text, p_run bigint, p_seed bigint, pace jsonb,
  out kind text, out wait float8
) language plpgsql as $$
declare
  o record; d rolecall.pacing_domain; t float8 := rolecall.epoch_ms(); had float8; parked boolean;
  near float8 := (pace->>'near')::float8; horizon float8 := (pace->>'horizon')::float8;
begin
  select slot into had from rolecall.pacing_admitted where seed = p_seed;
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

/** For the domains that have slots to give, unless another worker is at them. */
const ADMIT_PARKED = `
create or replace function rolecall.admit_parked(pace jsonb)
returns table (domain text, run bigint, seed bigint, tenant text, wait_ms float8) language plpgsql as $$
declare
  name text; o record; gone record; d rolecall.pacing_domain; t float8; step float8;
  chosen rolecall.pacing_parked; first_slot float8;
  horizon float8 := (pace->>'horizon')::float8; missed float8 := (pace->>'missed')::float8;
begin
  for name in
    select p.domain from rolecall.pacing_domain p where p.due_at <= rolecall.epoch_ms() order by p.domain
    for update skip locked
  loop
    select * into o from rolecall.open_pacing_domain(name, null, pace);
    d := o.d; t := o.t; step := rolecall.step_of_turns(d, t, o.factor, pace);
    for gone in delete from rolecall.pacing_admitted a where a.domain = name and a.slot < t - missed returning a.* loop
      perform rolecall.park_seed(name, gone.tenant, gone.run, gone.seed, pace);
    end loop;

    while d.next_slot <= t + horizon loop
      delete from rolecall.pacing_parked q
      where q.seed = (select r.seed from rolecall.pacing_parked r where r.domain = name order by r.turn, r.seed limit 1)
      returning q.* into chosen;
      exit when not found;
      insert into rolecall.pacing_admitted values (chosen.seed, chosen.run, chosen.tenant, name, d.next_slot)
      on conflict on constraint pacing_admitted_pkey do update set slot = excluded.slot;
      domain := name; run := chosen.run; seed := chosen.seed; tenant := chosen.tenant; wait_ms := d.next_slot - t;
      return next;
      d.turn := greatest(d.turn, chosen.turn);
      d.next_slot := d.next_slot + step;
    end loop;

    select min(a.slot) into first_slot from rolecall.pacing_admitted a where a.domain = name;
    update rolecall.pacing_domain p
    set next_slot = d.next_slot, turn = d.turn, due_at =
      case when exists (select from rolecall.pacing_parked q where q.domain = name) then d.next_slot - horizon / 2
           else first_slot + missed end
    where p.domain = name;
  end loop;
end $$`;
