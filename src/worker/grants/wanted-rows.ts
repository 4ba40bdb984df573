import { hash } from 'node:crypto';
import { raw, sql } from '@mikro-orm/postgresql';
import type { RoleId, Scope } from '#shared/contract/ids.ts';
import type { WantedGrants } from './grant-store.ts';
import type { Column, TableLayout } from './table-layout.ts';

export interface RoleToGrant {
  readonly id: RoleId;
  readonly scope: Scope | null;
}

export type GrantsToWrite = Pick<WantedGrants, 'run' | 'seedId' | 'sub' | 'mode'> & {
  /** As the table is to hold it, if it has a column for it. */
  readonly tenant: string;
  readonly roles: readonly RoleToGrant[];
};

export type GrantRow = ReturnType<typeof rowsOf>[number];

/** One for each grant of a seed. */
export function rowsOf(seed: GrantsToWrite) {
  const { seedId, sub, tenant, mode, roles } = seed;
  const common = { seed: seedId, user: sub, tenant, anyRole: mode === 'bootstrap' };
  return roles.map((role) => ({ ...common, id: grantId(seed, role), role: role.id, scope: role.scope }));
}

/** A version 8 UUID (RFC 9562: custom) over run, seed, role and scope. */
function grantId({ run, seedId }: GrantsToWrite, { id, scope }: RoleToGrant): string {
  const source = [run, seedId, id, ...(scope === null ? [] : [scope])].join(':');
  const hex = hash('sha256', source, 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The rows in SQL; `at` is where each stands here. */
export function asTable(rows: readonly (Omit<GrantRow, 'role'> & { readonly role: RoleId | null })[]) {
  const numbered = rows.map((row, at) => ({ ...row, at }));
  // The limit says how many there are: PostgreSQL would guess 100, and rather read a whole table than look so often.
  return sql`(
      select * from jsonb_to_recordset(${JSON.stringify(numbered)}::jsonb)
      as wanted(at int, seed bigint, "user" text, tenant text, role text, scope text, id text, "anyRole" boolean)
      limit ${rows.length}
    )`;
}

/**
 * As the column holds it: what two texts say may be the same there, as a UUID in capitals or a number that begins with a
 * zero, and in a column of another type it may not be.
 */
export function cast(key: 'user' | 'tenant' | 'role' | 'scope' | 'id', { type }: Column) {
  return sql`wanted.${raw(`"${key}"`)}::${raw(type)}`;
}

/** The row `held` is the grant that is `wanted`; with `anyRole`, or another one of the same user, tenant and scope. */
export function isGrant(layout: TableLayout, scoped: boolean, { orAnyRole = false } = {}) {
  const { user, tenant, role, scope } = layout;
  const sameRole = sql`held.${raw(role.name)} = ${cast('role', role)}`;
  const conditions = [
    sql`held.${raw(user.name)} = ${cast('user', user)}`,
    ...(tenant ? [sql`held.${raw(tenant.name)} = ${cast('tenant', tenant)}`] : []),
    ...(scope
      ? [scoped ? sql`held.${raw(scope.name)} = ${cast('scope', scope)}` : sql`held.${raw(scope.name)} is null`]
      : []),
    orAnyRole ? sql`(wanted."anyRole" or ${sameRole})` : sameRole,
  ];
  return conditions.reduce((left, right) => sql`${left} and ${right}`);
}
