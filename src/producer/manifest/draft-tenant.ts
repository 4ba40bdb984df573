import { z } from 'zod';
import { TenantId, type Scope } from '#shared/contract/ids.ts';
import { DEFAULT_REQUESTS_PER_SECOND, type GrantMode, type TenantSettings } from '#shared/contract/tenant-settings.ts';
import { recordOf, type CheckedSource } from './checked-source.ts';
import type { Locate, Path, Place } from './manifest-problem.ts';
import { NO_ROLES, NO_SEEDS, RoleKey, ScopedRole, SeedEntry, TenantEntry } from './manifest-schema.ts';

export interface TenantDraft {
  /** Of the id. */
  readonly place: Place;
  readonly id: TenantId | undefined;
  readonly settings: TenantSettings | undefined;
  /** For seeds that do not say it themselves. */
  readonly mode: GrantMode;
  /** It has tables of its own, also when they could not be read. */
  readonly mapped: boolean;
  readonly seeds: readonly SeedDraft[];
  /** Where something of a seed stands, by its path within the seeds. Seeds are many, and most are never spoken of. */
  readonly locate: Locate;
}

export interface SeedDraft {
  /** As they stand; one that could not be read is `undefined`. */
  readonly roles: readonly (RoleUse | undefined)[];
  /** `undefined` when part of it could not be read: it cannot be compared with another. */
  readonly read: Pick<z.output<typeof SeedShell>, 'email' | 'onMissing' | 'mode'> | undefined;
}

export interface RoleUse {
  readonly key: string;
  readonly scope: Scope | undefined;
}

/** A tenant without its seeds, which are checked one by one. */
const TenantShell = TenantEntry.extend({ seeds: z.array(z.unknown()).min(1, NO_SEEDS) });
/** A seed without its roles: which of two forms is meant decides what is wrong with one. */
const SeedShell = SeedEntry.extend({ roles: z.array(z.unknown()).min(1, NO_ROLES) });

export function draftTenant(source: CheckedSource, value: unknown, index: number): TenantDraft {
  const path = ['tenants', index];
  const tenant = recordOf(value);
  const seeds: readonly unknown[] = Array.isArray(tenant?.['seeds']) ? tenant['seeds'] : [];
  const read = source.check(TenantShell, path, value);
  return {
    place: source.placeOf([...path, 'id']),
    id: read?.id ?? TenantId.safeParse(tenant?.['id']).data,
    settings: read && settingsOf(read),
    mode: read?.grants.mode ?? 'ensure',
    mapped: recordOf(tenant?.['grants'])?.['table'] !== undefined,
    seeds: seeds.map((seed, ordinal) => draftSeed(source, seed, [...path, 'seeds', ordinal])),
    locate: locateWithin([...path, 'seeds'], source.locate),
  };
}

/** By itself, as a function keeps alive whatever stands around it. */
function locateWithin(parent: Path, locate: Locate): Locate {
  return (path) => locate([...parent, ...path]);
}

/** The mode is each seed's own in the end, so it is none of the tenant's settings. */
function settingsOf({ userPool, identity, grants }: z.output<typeof TenantShell>): TenantSettings {
  const { databaseUrlEnv, schema, table } = grants;
  const { requestsPerSecond = DEFAULT_REQUESTS_PER_SECOND[userPool.lookup] } = userPool;
  return {
    userPool: { ...userPool, requestsPerSecond },
    identity,
    grants: { databaseUrlEnv, schema, ...(table && { table }) },
  };
}

function draftSeed(source: CheckedSource, value: unknown, path: Path): SeedDraft {
  const read = source.check(SeedShell, path, value);
  const entries = recordOf(value)?.['roles'];
  const roles = (Array.isArray(entries) ? entries : []).map((entry: unknown, index) =>
    draftRole(source, entry, [...path, 'roles', index]),
  );
  if (read === undefined || roles.includes(undefined)) return { roles, read: undefined };
  const { email, onMissing, mode } = read;
  return { roles, read: { email, onMissing, mode } };
}

function draftRole(source: CheckedSource, value: unknown, path: Path): RoleUse | undefined {
  if (recordOf(value) === undefined) {
    const key = source.check(RoleKey, path, value);
    return key === undefined ? undefined : { key, scope: undefined };
  }
  const read = source.check(ScopedRole, path, value);
  return read && { key: read.role, scope: read.scope };
}
