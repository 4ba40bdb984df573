import { defineEntity, p } from '@mikro-orm/core';
import type { RoleId, RunId, Scope, SeedId, Sub, TenantId } from '#shared/contract/ids.ts';

const AuditSchema = defineEntity({
  name: 'Audit',
  schema: 'rolecall',
  tableName: 'audit',
  properties: {
    id: p.bigint('number').primary().autoincrement(),
    at: p.datetime().length(3).defaultRaw('now()'),
    run: p.bigint('number').$type<RunId>(),
    tenant: p.string().$type<TenantId>().length(63),
    seed: p.bigint('number').$type<SeedId>(),
    sub: p.uuid().$type<Sub>(),
    role: p.string().$type<RoleId>().length(200),
    scope: p.string().$type<Scope>().length(200).nullable(),
    event: p.string().$type<'granted'>().length(20),
  },
  // Two copies of a job make one grant, and one line about it.
  uniques: [
    {
      name: 'audit_seed_sub_role_scope_key',
      expression:
        'create unique index "audit_seed_sub_role_scope_key" on "rolecall"."audit" ("seed", "sub", "role", coalesce("scope", \'\'))',
    },
  ],
  triggers: [
    {
      name: 'audit_append_only',
      timing: 'before',
      events: ['update', 'delete'],
      forEach: 'statement',
      body: `raise exception 'rolecall.audit is append-only' using errcode = 'insufficient_privilege'`,
    },
  ],
});

/** One line for every grant that was made. Append-only: a trigger refuses to change or delete a line. */
export class Audit extends AuditSchema.class {}
AuditSchema.setClass(Audit);
