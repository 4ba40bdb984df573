import { defineEntity, p } from '@mikro-orm/core';
import type { RoleId } from '#shared/contract/ids.ts';

const RolesSchema = defineEntity({
  name: 'Roles',
  tableName: 'roles',
  properties: {
    id: p.uuid().$type<RoleId>().primary(),
    name: p.string().length(100),
    description: p.text().default(''),
  },
  uniques: [{ name: 'roles_name_key', properties: ['name'] }],
});

/** The roles of the manifest, where the application joins them. */
export class Roles extends RolesSchema.class {}
RolesSchema.setClass(Roles);
