import { Migration } from '@mikro-orm/migrations';

/** Tables of the tenants' own: role ids of any type, scopes, modes, and the statement that would mend a fault. */
export class Ledger0002 extends Migration {
  override up(): void {
    this.addSql(`alter table "rolecall"."seed" add column "mode" varchar(9) not null default 'ensure'`);
    this.addSql(`alter table "rolecall"."release_tenant" add column "fault_detail" text null`);
    this.addSql(`
      alter table "rolecall"."audit"
        alter column "role" type varchar(200),
        add column "scope" varchar(200) null,
        drop constraint "audit_seed_sub_role_key"`);
    // An expression, since "nulls not distinct" needs PostgreSQL 15.
    this.addSql(`
      create unique index "audit_seed_sub_role_scope_key"
      on "rolecall"."audit" ("seed", "sub", "role", coalesce("scope", ''))`);
  }
}
