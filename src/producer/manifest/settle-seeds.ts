import { isDeepStrictEqual } from 'node:util';
import { emailKey } from '#shared/contract/ids.ts';
import type { Role, SeedRole } from '#shared/contract/roles.ts';
import type { OnMissing } from '#shared/contract/tenant-settings.ts';
import type { SeedDraft } from './draft-tenant.ts';
import { describePlace, type Place, type Report } from './manifest-problem.ts';
import type { ManifestSeed } from './manifest.ts';
import { didYouMean } from './nearest.ts';

export interface SeedRules {
  /** By key; a role that could not be read is `null`. All of it is `null` when nothing is known about any role. */
  readonly roles: ReadonlyMap<string, Role | null> | null;
  readonly onMissing: OnMissing;
}

/** One seed per person. Saying the same thing twice is no mistake; saying two things is. */
export function settleSeeds(drafts: readonly SeedDraft[], rules: SeedRules, report: Report): ManifestSeed[] {
  const seen = new Map<string, { readonly place: Place; readonly seed: ManifestSeed }>();
  for (const draft of drafts) {
    const roles = settleRoles(draft, rules, report);
    if (draft.read === undefined) continue;
    const { email, onMissing = rules.onMissing } = draft.read;
    const seed = { email, roles, onMissing };
    const first = seen.get(emailKey(email));
    if (first === undefined) {
      seen.set(emailKey(email), { place: draft.place, seed });
    } else if (!sameDemands(first.seed, seed)) {
      const message = `this email has other roles or another onMissing at ${describePlace(first.place)}`;
      report({ ...draft.place, message });
    }
  }
  return Array.from(seen.values(), ({ seed }) => seed);
}

/** Each role once, in the order in which they stand. */
function settleRoles(draft: SeedDraft, { roles }: SeedRules, report: Report): SeedRole[] {
  if (roles === null) return [];
  const held = new Map<string, SeedRole>();
  for (const { key, place } of draft.roles) {
    const role = roles.get(key);
    if (role) held.set(key, { key, id: role.id });
    if (role === undefined) report({ ...place, message: `no role has this key${didYouMean(key, [...roles.keys()])}` });
  }
  return [...held.values()];
}

function sameDemands(a: ManifestSeed, b: ManifestSeed): boolean {
  return a.onMissing === b.onMissing && isDeepStrictEqual(keysOf(a), keysOf(b));
}

function keysOf({ roles }: ManifestSeed): string[] {
  return roles.map(({ key }) => key).toSorted();
}
