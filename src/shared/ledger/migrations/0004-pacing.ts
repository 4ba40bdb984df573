import { Migration } from '@mikro-orm/migrations';

/**
 * Slots of Cognito's quotas, one domain per account, region and API, and the turns of the tenants that wait for them; in use
 * where the queue lives in PostgreSQL. Only what is needed under one lock is a function; numbers of the pace are arguments.
 * Times are epoch milliseconds.
 */
export class Ledger0004 extends Migration {
  override up(): void {
    this.addSql(`
      create table "rolecall"."pacing_domain" (
        "domain" varchar(200) primary key,
        "rate" float8 not null,
        "rate_at" float8 not null default 0,
        "slowed" float8 not null default 1,
        "slowed_at" float8 not null default 0,
        "next_slot" float8 not null default 0,
        "turn" bigint not null default 0,
        "due_at" float8 null
      )`);
    this.addSql(`
      create table "rolecall"."pacing_tenant" (
        "domain" varchar(200) not null,
        "tenant" varchar(63) not null,
        "turn" bigint not null,
        primary key ("domain", "tenant")
      )`);
    for (const [table, order, type] of [
      ['pacing_parked', 'turn', 'bigint'],
      ['pacing_admitted', 'slot', 'float8'],
    ]) {
      this.addSql(`
        create table "rolecall"."${table}" (
          "seed" bigint primary key,
          "run" bigint not null,
          "tenant" varchar(63) not null,
          "domain" varchar(200) not null,
          "${order}" ${type} not null
        )`);
      this.addSql(`create index "${table}_${order}_idx" on "rolecall"."${table}" ("domain", "${order}", "seed")`);
    }
    this.addSql(NOW);
    this.addSql(OPEN_DOMAIN);
    this.addSql(PARK_SEED);
    this.addSql(RESERVE_SLOT);
    this.addSql(TAKE_SLOT);
    this.addSql(SLOW_DOWN);
    this.addSql(ADMIT_PARKED);
  }
}

const NOW = `
create function rolecall.epoch_ms() returns float8 language sql volatile as $$
  select extract(epoch from clock_timestamp())::float8 * 1000
$$`;

/** The domain's row, locked, with what time has done to it. `pace`: see PACE in src/worker/pacing. */
const OPEN_DOMAIN = `
create function rolecall.open_pacing_domain(
  p_domain text, p_rate float8, pace jsonb, out d rolecall.pacing_domain, out t float8, out factor float8
) language plpgsql as $$
begin
  -- The row stays locked until the commit is on disk. A reservation that a crash forgets is no loss, so nobody waits for it.
  perform set_config('synchronous_commit', 'off', true);
  insert into rolecall.pacing_domain (domain, rate) values (p_domain, coalesce(p_rate, 1)) on conflict (domain) do nothing;
  select * into d from rolecall.pacing_domain where domain = p_domain for update;
  t := rolecall.epoch_ms();
  if p_rate <= d.rate or d.rate_at < t - (pace->>'budgetHolds')::float8 then
    d.rate := coalesce(p_rate, d.rate);
    d.rate_at := case when p_rate is null then d.rate_at else t end;
  end if;
  factor := least(1, d.slowed
    + greatest(0, t - d.slowed_at - (pace->>'slowedFor')::float8) / 1000 * (pace->>'recoveryPerSecond')::float8);
  d.next_slot := greatest(d.next_slot, t);
end $$`;

const PARK_SEED = `
create function rolecall.park_seed(p_domain text, p_tenant text, p_run bigint, p_seed bigint, pace jsonb)
returns void language plpgsql as $$
declare o record; mine bigint;
begin
  select * into o from rolecall.open_pacing_domain(p_domain, null, pace);
  if exists (select from rolecall.pacing_parked where seed = p_seed) then return; end if;
  insert into rolecall.pacing_tenant values (p_domain, p_tenant, (o.d).turn + 1)
  on conflict (domain, tenant) do update set turn = greatest(excluded.turn, pacing_tenant.turn + 1)
  returning turn into mine;
  insert into rolecall.pacing_parked values (p_seed, p_run, p_tenant, p_domain, mine);
  update rolecall.pacing_domain set due_at = least(due_at, (o.d).next_slot - (pace->>'horizon')::float8 / 2)
  where domain = p_domain;
end $$`;

const RESERVE_SLOT = `
create function rolecall.reserve_slot(
  p_domain text, p_rate float8, p_tenant text, p_run bigint, p_seed bigint, pace jsonb,
  out kind text, out wait float8
) language plpgsql as $$
declare
  o record; d rolecall.pacing_domain; t float8 := rolecall.epoch_ms(); f float8; had float8;
  near float8 := (pace->>'near')::float8; horizon float8 := (pace->>'horizon')::float8;
begin
  select slot into had from rolecall.pacing_admitted where seed = p_seed;
  if had > t + near then kind := 'later'; wait := had - t; return; end if;
  delete from rolecall.pacing_admitted where seed = p_seed;
  if had > t - (pace->>'late')::float8 then kind := 'soon'; wait := greatest(0, had - t); return; end if;

  select * into o from rolecall.open_pacing_domain(p_domain, p_rate, pace);
  d := o.d; t := o.t; f := o.factor;
  if had is not null
    or (d.next_slot <= t + horizon and not exists (select from rolecall.pacing_parked where domain = p_domain))
  then
    wait := d.next_slot - t;
    -- Who came too late had no free worker, and may not find one in time again: it waits where it is.
    kind := case when had is not null or wait <= near then 'soon' else 'later' end;
    if kind = 'later' then
      insert into rolecall.pacing_admitted values (p_seed, p_run, p_tenant, p_domain, d.next_slot);
      d.due_at := least(d.due_at, d.next_slot + (pace->>'missed')::float8);
    end if;
    d.next_slot := d.next_slot + 1000 / (d.rate * f);
  else
    kind := 'full';
  end if;
  update rolecall.pacing_domain
  set rate = d.rate, rate_at = d.rate_at, next_slot = d.next_slot, due_at = d.due_at where domain = p_domain;
end $$`;

const TAKE_SLOT = `
create function rolecall.take_slot(p_domain text, p_rate float8, pace jsonb) returns float8 language plpgsql as $$
declare o record; d rolecall.pacing_domain; t float8; f float8;
begin
  select * into o from rolecall.open_pacing_domain(p_domain, p_rate, pace);
  d := o.d; t := o.t; f := o.factor;
  update rolecall.pacing_domain
  set rate = d.rate, rate_at = d.rate_at, next_slot = d.next_slot + 1000 / (d.rate * f) where domain = p_domain;
  return d.next_slot - t;
end $$`;

const SLOW_DOWN = `
create function rolecall.slow_down(p_domain text, p_rate float8, pace jsonb) returns void language plpgsql as $$
declare o record; d rolecall.pacing_domain; t float8; f float8;
begin
  select * into o from rolecall.open_pacing_domain(p_domain, p_rate, pace);
  d := o.d; t := o.t; f := o.factor;
  update rolecall.pacing_domain set slowed = greatest((pace->>'slowest')::float8, f / 2), slowed_at = t
  where domain = p_domain and slowed_at < t - (pace->>'sameThrottle')::float8;
end $$`;

/** For the domains that have slots to give, unless another worker is at them. */
const ADMIT_PARKED = `
create function rolecall.admit_parked(pace jsonb)
returns table (domain text, run bigint, seed bigint, tenant text, wait_ms float8) language plpgsql as $$
declare
  name text; o record; gone record; d rolecall.pacing_domain; t float8; f float8; chosen rolecall.pacing_parked; first_slot float8;
  horizon float8 := (pace->>'horizon')::float8; missed float8 := (pace->>'missed')::float8;
begin
  for name in
    select p.domain from rolecall.pacing_domain p where p.due_at <= rolecall.epoch_ms() order by p.domain
    for update skip locked
  loop
    select * into o from rolecall.open_pacing_domain(name, null, pace);
  d := o.d; t := o.t; f := o.factor;
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
      d.next_slot := d.next_slot + 1000 / (d.rate * f);
    end loop;

    select min(a.slot) into first_slot from rolecall.pacing_admitted a where a.domain = name;
    update rolecall.pacing_domain p
    set next_slot = d.next_slot, turn = d.turn, due_at =
      case when exists (select from rolecall.pacing_parked q where q.domain = name) then d.next_slot - horizon / 2
           else first_slot + missed end
    where p.domain = name;
  end loop;
end $$`;
