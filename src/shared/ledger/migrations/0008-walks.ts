import { Migration } from '@mikro-orm/migrations';

/**
 * One walk through a pool for all workers: who walks in which quota, what is known of each pool, and whom of the wanted a walk
 * saw. It counts for a minute, so a crash may forget it: unlogged tables cost half, and the next look finds out anew.
 */
export class Ledger0008 extends Migration {
  override up(): void {
    this.addSql(`
      create unlogged table "rolecall"."walker" (
        "domain" varchar(200) primary key,
        "worker" uuid not null,
        "until" timestamptz(3) not null
      )`);
    this.addSql(`
      create unlogged table "rolecall"."pool_walk" (
        "pool" varchar(43) primary key,
        "domain" varchar(200) not null,
        "user_pool" jsonb not null,
        "run" bigint not null,
        "seeds" integer not null,
        "phase" varchar(8) not null check ("phase" in ('wanted', 'queued', 'walking', 'walked', 'declined')),
        "wanted_at" timestamptz(3) not null,
        "come_back_at" timestamptz(3) null,
        "ended_at" timestamptz(3) null,
        "also_for_new_runs" boolean not null default false,
        "users" integer null,
        "round_trip_ms" float8 null,
        "described_at" timestamptz(3) null
      )`);
    this.addSql(
      `create index "pool_walk_domain_idx" on "rolecall"."pool_walk" ("domain") where "phase" in ('wanted', 'queued', 'walking')`,
    );
    this.addSql(`
      create unlogged table "rolecall"."seen_user" (
        "seed" bigint primary key,
        "sub" uuid not null,
        "wanted_at" timestamptz(3) not null,
        "seen_at" timestamptz(3) not null
      )`);
    this.addSql(`create index "seen_user_seen_at_idx" on "rolecall"."seen_user" ("seen_at")`);
  }
}
