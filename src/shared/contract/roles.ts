import { z } from 'zod';
import { RoleId, Scope } from './ids.ts';

/** A role of the manifest. The managed tables hold it under its id, so there it has one, and it is a UUID. */
export const Role = z.object({ id: RoleId.optional(), name: z.string(), description: z.string() });
export type Role = z.infer<typeof Role>;

/**
 * A role that a seed must hold: the manifest's key, for people, and the id, for the table. Instead of the id its name,
 * where the tenant's own table of roles knows the id. Without a scope the role is held everywhere.
 */
export const SeedRole = z.object({
  key: z.string(),
  id: RoleId.optional(),
  name: z.string().optional(),
  scope: Scope.optional(),
});
export type SeedRole = z.infer<typeof SeedRole>;
