import { z } from 'zod';
import type { Email } from './ids.ts';

/** The only shape of an email that may leave PostgreSQL; a raw email does not parse as one. */
export const Label = z
  .string()
  .regex(/^(?:[^@]•••[^@]|•••)@[^@]+$/u)
  .brand<'Label'>();
export type Label = z.infer<typeof Label>;

/** `admin@example.org` → `a•••n@example.org`. Always three dots: the length is private too. */
export function maskEmail(email: Email): Label {
  const at = email.lastIndexOf('@');
  const local = Array.from(email.slice(0, at));
  const shown = local.length < 3 ? '•••' : `${local[0]}•••${local.at(-1)}`; // of two letters, two would tell all
  return Label.parse(shown + email.slice(at));
}
