import { isDeepStrictEqual } from 'node:util';
import { emailKey, type Scope } from '#shared/contract/ids.ts';
import type { Role, SeedRole } from '#shared/contract/roles.ts';
import type { GrantMode, OnMissing, TenantSettings } from '#shared/contract/tenant-settings.ts';
import type { RoleUse, TenantDraft } from './draft-tenant.ts';
import { describePlace, type Locate, type Report } from './manifest-problem.ts';
import type { ManifestSeed } from './manifest.ts';
import { didYouMean } from './nearest.ts';

export interface SeedRules {
  /** By key; a role that could not be read is `null`. All of it is `null` when nothing is known about any role. */
  readonly roles: ReadonlyMap<string, Role | null> | null;
  readonly onMissing: OnMissing;
  readonly mode: GrantMode;
  /** `undefined`: they could not be read, so nothing is said about what fits them. */
  readonly grants: TenantSettings['grants'] | undefined;
}

/** One seed per person. Saying the same thing twice is no mistake; saying two things is. */
export function settleSeeds(
  { seeds, locate }: Pick<TenantDraft, 'seeds' | 'locate'>,
  rules: SeedRules,
  report: Report,
): ManifestSeed[] {
  const seen = new Map<string, { readonly ordinal: number; readonly seed: ManifestSeed }>();
  const shared = new Map<string, readonly SeedRole[]>();
  for (const [ordinal, { read, roles: uses }] of seeds.entries()) {
    const held = settleRoles(uses, rules, (path) => locate([ordinal, 'roles', ...path]), report);
    if (read === undefined) continue;
    const { email, onMissing = rules.onMissing, mode = rules.mode } = read;
    const seed = { email, roles: shareRoles(held, shared), onMissing, mode };
    const first = seen.get(emailKey(email));
    if (first === undefined) {
      seen.set(emailKey(email), { ordinal, seed });
    } else if (!sameDemands(first.seed, seed)) {
      const other = describePlace(locate([first.ordinal, 'email']));
      const message = `this email has other roles, another onMissing or another mode at ${other}`;
      report({ ...locate([ordinal, 'email']), message });
    }
  }
  return Array.from(seen.values(), ({ seed }) => seed);
}

/** Each role once in each scope, in the order in which they stand. */
function settleRoles(
  uses: readonly (RoleUse | undefined)[],
  { roles, grants }: SeedRules,
  locate: Locate,
  report: Report,
): Map<string, SeedRole> {
  const held = new Map<string, SeedRole>();
  if (roles === null) return held;
  for (const [index, use] of uses.entries()) {
    if (use === undefined) continue;
    const role = roles.get(use.key);
    if (role === undefined) {
      const message = `no role has this key${didYouMean(use.key, [...roles.keys()])}`;
      report({ ...locate([index, 'role']), message });
    }
    const problem = role && grants && misfit(role, use, grants);
    if (problem) report({ ...locate([index, problem.key]), message: problem.message });
    if (role) held.set(keyOf(use), { key: use.key, ...identify(role, grants), ...(use.scope && { scope: use.scope }) });
  }
  return held;
}

/** The same roles are one list: seeds are many, and most hold one of a few lists. */
function shareRoles(held: ReadonlyMap<string, SeedRole>, shared: Map<string, readonly SeedRole[]>) {
  const key = [...held.keys()].join();
  const list = shared.get(key) ?? [...held.values()];
  shared.set(key, list);
  return list;
}

/** What the tables of the tenant have no place for. */
function misfit(role: Role, { scope }: RoleUse, { table }: TenantSettings['grants']) {
  if (scope !== undefined && table?.columns.scope === undefined) {
    return {
      key: 'scope',
      message: 'the grants of this tenant have no scope: name its column by grants.table.columns',
    };
  }
  if (table !== undefined && table.roles === undefined && role.id === undefined) {
    return {
      key: 'role',
      message: 'this role has no id: give it one, or look it up by its name with grants.table.roles',
    };
  }
  return null;
}

/** Only one of both, so that it is plain which of them counts. */
function identify({ id, name }: Role, grants: SeedRules['grants']): Pick<SeedRole, 'id' | 'name'> {
  if (grants?.table?.roles !== undefined) return { name };
  return id === undefined ? {} : { id };
}

function sameDemands(a: ManifestSeed, b: ManifestSeed): boolean {
  return a.onMissing === b.onMissing && a.mode === b.mode && isDeepStrictEqual(keysOf(a), keysOf(b));
}

function keysOf({ roles }: ManifestSeed): string[] {
  return roles.map(keyOf).toSorted();
}

function keyOf({ key, scope }: Pick<RoleUse, 'key'> & { readonly scope?: Scope | undefined }): string {
  return JSON.stringify([key, scope]);
}
