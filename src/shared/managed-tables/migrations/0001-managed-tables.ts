import { Migration } from '@mikro-orm/migrations';

/** Names without a schema: they land in the schema that the tenant names. */
export class ManagedTables0001 extends Migration {
  override up(): void {
    this.addSql(`
      create table "roles" (
        "id" uuid primary key,
        "name" varchar(100) not null,
        "description" text not null default '',
        constraint "roles_name_key" unique ("name")
      )`);
    this.addSql(`
      create table "user_role" (
        "id" uuid primary key default gen_random_uuid(),
        "tenant_id" varchar(63) not null,
        "user_id" uuid not null,
        "role_id" uuid not null constraint "user_role_role_id_foreign" references "roles" ("id"),
        "created_at" timestamptz(3) not null default now(),
        constraint "user_role_tenant_id_user_id_role_id_key" unique ("tenant_id", "user_id", "role_id")
      )`);
    this.addSql(`create index "user_role_role_id_idx" on "user_role" ("role_id")`);
  }
}
