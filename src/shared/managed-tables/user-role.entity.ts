import { defineEntity, p } from '@mikro-orm/core';
import type { Sub, TenantId } from '#shared/contract/ids.ts';
import { Roles } from './roles.entity.ts';

const UserRoleSchema = defineEntity({
  name: 'UserRole',
  tableName: 'user_role',
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    tenantId: p.string().$type<TenantId>().length(63),
    userId: p.uuid().$type<Sub>(),
    role: () => p.manyToOne(Roles).joinColumn('role_id').index('user_role_role_id_idx').deleteRule('no action'),
    createdAt: p.datetime().length(3).defaultRaw('now()'),
  },
  uniques: [{ name: 'user_role_tenant_id_user_id_role_id_key', properties: ['tenantId', 'userId', 'role'] }],
});

/** One grant: this sub holds this role in this tenant. */
export class UserRole extends UserRoleSchema.class {}
UserRoleSchema.setClass(UserRole);
