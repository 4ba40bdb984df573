import { z } from 'zod';
import { RoleId } from './ids.ts';

/** A role of the manifest, as it stands in the table `roles`. */
export const Role = z.object({ id: RoleId, name: z.string(), description: z.string() });
export type Role = z.infer<typeof Role>;

/** A role that a seed must hold: the manifest's key, for people, and the id, for the table. */
export const SeedRole = z.object({ key: z.string(), id: RoleId });
export type SeedRole = z.infer<typeof SeedRole>;
