import { Migration } from '@mikro-orm/migrations';

/** Releases, their tenants and seeds, and the audit trail. */
export class Ledger0001 extends Migration {
  override up(): void {
    this.addSql(`create schema if not exists "rolecall"`);
    this.addSql(`
      create table "rolecall"."release" (
        "run" bigserial primary key,
        "name" varchar(63) not null,
        "release_id" varchar(200) not null,
        "digest" varchar(64) not null,
        "on_transient" varchar(8) not null,
        "seeds" int not null,
        "recorded_at" timestamptz(3) not null default now(),
        "superseded_at" timestamptz(3) null
      )`);
    this.addSql(`create index "release_name_release_id_idx" on "rolecall"."release" ("name", "release_id")`);
    this.addSql(`
      create unique index "release_current_key" on "rolecall"."release" ("name") where "superseded_at" is null`);
    this.addSql(`
      create table "rolecall"."release_tenant" (
        "run" bigint not null,
        "tenant" varchar(63) not null,
        "settings" jsonb not null,
        "fault_reason" varchar(40) null,
        "fault_at" timestamptz(3) null,
        primary key ("run", "tenant")
      )`);
    this.addSql(`
      create table "rolecall"."seed" (
        "id" bigserial primary key,
        "run" bigint not null,
        "tenant" varchar(63) not null,
        "email" varchar(246) not null,
        "label" varchar(300) not null,
        "roles" jsonb not null,
        "on_missing" varchar(5) not null,
        "ordinal" int not null,
        "state" varchar(10) not null default 'pending',
        "reason" varchar(40) null,
        "suspected_reason" varchar(40) null,
        "sightings" int not null default 0,
        "attempts" int not null default 0,
        "sub" uuid null,
        "next_attempt_at" timestamptz(3) null,
        "replayed_at" timestamptz(3) null,
        "created_at" timestamptz(3) not null default now(),
        "updated_at" timestamptz(3) not null default now()
      )`);
    this.addSql(`create index "seed_gate_idx" on "rolecall"."seed" ("run", "state", "tenant", "reason")`);
    this.addSql(
      `create index "seed_unsettled_idx" on "rolecall"."seed" ("id") where "state" in ('pending', 'retrying', 'waiting')`,
    );
    this.addSql(`
      create unique index "seed_run_tenant_email_key" on "rolecall"."seed" ("run", "tenant", lower("email"))`);
    this.addSql(`
      create table "rolecall"."audit" (
        "id" bigserial primary key,
        "at" timestamptz(3) not null default now(),
        "run" bigint not null,
        "tenant" varchar(63) not null,
        "seed" bigint not null,
        "sub" uuid not null,
        "role" uuid not null,
        "event" varchar(20) not null,
        constraint "audit_seed_sub_role_key" unique ("seed", "sub", "role")
      )`);
    // On one line, as MikroORM compares it with the entity's body to the letter.
    this.addSql(
      `create function "rolecall"."audit_audit_append_only_fn"() returns trigger as $$ begin raise exception 'rolecall.audit is append-only' using errcode = 'insufficient_privilege'; end; $$ language plpgsql`,
    );
    this.addSql(`
      create trigger "audit_append_only" before update or delete on "rolecall"."audit"
      for each statement execute function "rolecall"."audit_audit_append_only_fn"()`);
    // Not part of the entity: the catalogue view that MikroORM reads does not list triggers on TRUNCATE.
    this.addSql(`
      create trigger "audit_not_truncated" before truncate on "rolecall"."audit"
      for each statement execute function "rolecall"."audit_audit_append_only_fn"()`);
  }
}
