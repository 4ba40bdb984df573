import { z } from 'zod';

/** Ids look alike and must never be swapped: each is branded, and a branded value can only be had by parsing. */

/** Chosen by the manifest's author; shown in metrics, logs and job payloads, so it must not be a person's name. */
export const TenantId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected 1 to 63 of a-z, 0-9, ".", "_", "-", beginning with a letter or digit')
  .brand<'TenantId'>();
export type TenantId = z.infer<typeof TenantId>;

/** The manifest's name: runs of one name supersede each other. */
export const ManifestName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected 1 to 63 of a-z, 0-9, ".", "_", "-", beginning with a letter or digit')
  .brand<'ManifestName'>();
export type ManifestName = z.infer<typeof ManifestName>;

/** Named by the deployer: a git SHA, an image tag. Anything printable without spaces, as it goes into URLs and logs. */
export const ReleaseId = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, 'expected 1 to 200 printable ASCII characters without spaces')
  .brand<'ReleaseId'>();
export type ReleaseId = z.infer<typeof ReleaseId>;

export const RunId = z.number().int().positive().brand<'RunId'>();
export type RunId = z.infer<typeof RunId>;

export const SeedId = z.number().int().positive().brand<'SeedId'>();
export type SeedId = z.infer<typeof SeedId>;

/** `guid`, not `uuid`: ids that an application chose long ago need not carry RFC 9562's version and variant bits. */
export const Uuid = z.guid('expected a UUID').toLowerCase();

/** As text, whatever the type of the column that holds it, and as it was written: a text column may hold UUIDs in capitals. */
export const RoleId = z.string().trim().min(1).max(200).brand<'RoleId'>();
export type RoleId = z.infer<typeof RoleId>;

/** Two ids with the same key are one role in a column of type uuid. */
export function roleIdKey(id: RoleId): string {
  return Uuid.safeParse(id).data ?? id;
}

/** Within which a role is held (a site, a project), as text, as it was written; what it means is the application's business. */
export const Scope = z.string().trim().min(1).max(200).brand<'Scope'>();
export type Scope = z.infer<typeof Scope>;

/** Cognito's own user id. `guid`: newer pools set variant bits that `z.uuid()` refuses (uuidjs/uuid#936). */
export const Sub = z.guid().brand<'Sub'>();
export type Sub = z.infer<typeof Sub>;

/**
 * As it was written, trimmed; compared without case. What could break out of Cognito's filter string (`"`, `\`, control
 * characters) is refused, and so is what does not fit it: a filter has at most 256 characters, `email = ""` takes 10
 * (AWS: API_ListUsers).
 */
export const Email = z
  .string()
  .trim()
  .max(246, 'an email has at most 246 characters')
  .regex(/^[^\s"\\@\p{Cc}]+@[^\s"\\@\p{Cc}]+$/u, 'expected an email address, like name@example.org')
  .refine((email) => email.isWellFormed(), 'expected an email address without half of a surrogate pair')
  .brand<'Email'>();
export type Email = z.infer<typeof Email>;

/** Two emails with the same key are one person. */
export function emailKey(email: string): string {
  return email.trim().toLowerCase();
}
