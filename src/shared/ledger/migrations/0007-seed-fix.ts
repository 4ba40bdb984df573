import { Migration } from '@mikro-orm/migrations';

/** What would mend a blocked seed. */
export class Ledger0007 extends Migration {
  override up(): void {
    // Not checked against the state: workers of the version before do not know it, and leave it when they move the seed.
    this.addSql(`alter table "rolecall"."seed" add column "fix" text null`);
    this.addSql(SEED_FIX_INDEX);
  }
}

/** By its hash, as a text may be longer than an entry of an index. On one line, as MikroORM compares it to the letter. */
export const SEED_FIX_INDEX = `create index "seed_fix_idx" on "rolecall"."seed" ("run", "tenant", "reason", hashtextextended("fix", 0)) where "state" = 'blocked' and "fix" is not null`;
