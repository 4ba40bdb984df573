import { z } from 'zod';
import { TenantId, type Email } from '#shared/contract/ids.ts';
import type { OnMissing, TenantSettings } from '#shared/contract/tenant-settings.ts';
import { recordOf, type CheckedSource } from './checked-source.ts';
import type { Place } from './manifest-problem.ts';
import { NO_SEEDS, RoleKey, SeedEntry, TenantEntry } from './manifest-schema.ts';
import type { Path } from './parse-source.ts';

export interface TenantDraft {
  /** Of the id. */
  readonly place: Place;
  readonly id: TenantId | undefined;
  readonly settings: TenantSettings | undefined;
  readonly seeds: readonly SeedDraft[];
}

export interface SeedDraft {
  /** Of the email. */
  readonly place: Place;
  readonly roles: readonly { readonly key: string; readonly place: Place }[];
  /** `undefined` when part of it could not be read: it cannot be compared with another. */
  readonly read: { readonly email: Email; readonly onMissing?: OnMissing | undefined } | undefined;
}

/** A tenant without its seeds, which are checked one by one. */
const TenantShell = TenantEntry.extend({ seeds: z.array(z.unknown()).min(1, NO_SEEDS) });

export function draftTenant(source: CheckedSource, value: unknown, index: number): TenantDraft {
  const path = ['tenants', index];
  const tenant = recordOf(value);
  const seeds: readonly unknown[] = Array.isArray(tenant?.['seeds']) ? tenant['seeds'] : [];
  const read = source.check(TenantShell, path, value);
  return {
    place: source.placeOf([...path, 'id']),
    id: read?.id ?? TenantId.safeParse(tenant?.['id']).data,
    settings: read && { userPool: read.userPool, identity: read.identity, grants: read.grants },
    seeds: seeds.map((seed, ordinal) => draftSeed(source, seed, [...path, 'seeds', ordinal])),
  };
}

function draftSeed(source: CheckedSource, value: unknown, path: Path): SeedDraft {
  const read = source.check(SeedEntry, path, value);
  const roles = recordOf(value)?.['roles'];
  return {
    place: source.placeOf([...path, 'email']),
    roles: (Array.isArray(roles) ? roles : []).flatMap((key: unknown, index) => {
      const readable = read !== undefined || RoleKey.safeParse(key).success;
      return readable ? [{ key: String(key), place: source.placeOf([...path, 'roles', index]) }] : [];
    }),
    read,
  };
}
