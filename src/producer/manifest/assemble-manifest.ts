import { isDeepStrictEqual } from 'node:util';
import { roleIdKey, Uuid } from '#shared/contract/ids.ts';
import type { Role } from '#shared/contract/roles.ts';
import type { FileDraft, Header, HeaderDraft, HeaderKey, RoleDraft } from './draft-file.ts';
import type { TenantDraft } from './draft-tenant.ts';
import { describePlace, type Place, type Report } from './manifest-problem.ts';
import type { Manifest, ManifestTenant } from './manifest.ts';
import { settleSeeds, type SeedRules } from './settle-seeds.ts';

export interface Assembly {
  /** In the order of the files. */
  readonly drafts: readonly FileDraft[];
  /** Where to say that something stands nowhere. */
  readonly root: Place;
  /** `false` when a file could not be read: what is missing may stand there. */
  readonly complete: boolean;
  readonly report: Report;
}

/**
 * The rules that span keys, seeds and files. They run on whatever could be read; what comes out is the manifest only if
 * nothing was reported.
 */
export function assembleManifest({ drafts, root, complete, report }: Assembly): Manifest | null {
  const header = settleHeader(drafts, report);
  if (complete) for (const key of missingKeys(drafts)) report({ ...root, message: `"${key}" is missing` });

  const roleDrafts = drafts.find((draft) => draft.header.roles !== null)?.roles ?? [];
  reportRepeatedRoles(roleDrafts, report);
  const roles = new Map(roleDrafts.map(({ key, role }) => [key, role ?? null]));
  const rules: CommonRules = {
    roles: roles.size > 0 || header.roles !== undefined ? roles : null,
    onMissing: header.defaults?.onMissing ?? 'block',
  };
  const tenantDrafts = drafts.flatMap((draft) => draft.tenants ?? []);
  const tenants = settleTenants(tenantDrafts, rules, report);
  if (tenantDrafts.some(({ mapped }) => !mapped)) reportUnmanageable(roleDrafts, report);

  if (header.name === undefined) return null;
  return {
    name: header.name,
    roles: [...roles.values()].filter((role): role is Role => role !== null),
    gate: { onTransient: header.gate?.onTransient ?? 'tolerate' },
    tenants,
  };
}

type Settled = { readonly [Key in HeaderKey]: NonNullable<Header[Key]>['value'] };

function settleHeader(drafts: readonly FileDraft[], report: Report): Settled {
  const settle = <Value>(key: HeaderKey, pick: (header: Header) => HeaderDraft<Value> | null): Value | undefined =>
    settleKey(
      key,
      drafts.flatMap(({ header }) => pick(header) ?? []),
      report,
    );
  return {
    version: settle('version', ({ version }) => version),
    name: settle('name', ({ name }) => name),
    roles: settle('roles', ({ roles }) => roles),
    defaults: settle('defaults', ({ defaults }) => defaults),
    gate: settle('gate', ({ gate }) => gate),
  };
}

/** What the first file says; the others may only repeat it. */
function settleKey<Value>(key: HeaderKey, found: readonly HeaderDraft<Value>[], report: Report): Value | undefined {
  const [first, ...others] = found;
  for (const { place, value } of others) {
    if (first?.value === undefined || value === undefined || isDeepStrictEqual(first.value, value)) continue;
    report({ ...place, message: `"${key}" differs from the one at ${describePlace(first.place)}` });
  }
  return first?.value;
}

function missingKeys(drafts: readonly FileDraft[]): string[] {
  const required = ['version', 'name', 'roles'] as const;
  const missing: string[] = required.filter((key) => drafts.every(({ header }) => header[key] === null));
  return drafts.every(({ tenants }) => tenants === null) ? [...missing, 'tenants'] : missing;
}

/** Two keys of one role would be two names for one grant. */
function reportRepeatedRoles(drafts: readonly RoleDraft[], report: Report): void {
  const ids = new Map<string, Place>();
  const names = new Map<string, Place>();
  for (const { place, role } of drafts) {
    if (role === undefined) continue;
    const sameId = role.id === undefined ? undefined : placeBefore(ids, roleIdKey(role.id), place);
    if (sameId)
      report({ ...place, message: `roles: this role has the same id as the one at ${describePlace(sameId)}` });
    const sameName = placeBefore(names, role.name, place);
    if (sameName)
      report({ ...place, message: `roles: this role has the same name as the one at ${describePlace(sameName)}` });
  }
}

/** The managed tables hold all roles of the manifest, by UUID. */
function reportUnmanageable(drafts: readonly RoleDraft[], report: Report): void {
  for (const { key, idPlace, role } of drafts) {
    if (role === undefined || Uuid.safeParse(role.id).success) continue;
    const message = role.id === undefined ? `roles.${key}: "id" is missing` : `roles.${key}.id: expected a UUID`;
    report({ ...idPlace, message });
  }
}

type CommonRules = Pick<SeedRules, 'roles' | 'onMissing'>;

function settleTenants(drafts: readonly TenantDraft[], rules: CommonRules, report: Report): ManifestTenant[] {
  const ids = new Map<string, Place>();
  return drafts.flatMap((draft) => {
    const { place, id, settings, mode } = draft;
    const seeds = settleSeeds(draft, { ...rules, mode, grants: settings?.grants }, report);
    if (id === undefined) return [];
    const sameId = placeBefore(ids, id, place);
    if (sameId) report({ ...place, message: `this tenant has the same id as the one at ${describePlace(sameId)}` });
    return settings === undefined ? [] : [{ id, settings, seeds }];
  });
}

/** Where the key stood first; `undefined`, and remembered, when this is the first time. */
function placeBefore(seen: Map<string, Place>, key: string, place: Place): Place | undefined {
  const first = seen.get(key);
  if (first === undefined) seen.set(key, place);
  return first;
}
