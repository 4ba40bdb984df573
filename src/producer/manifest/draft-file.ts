import { z } from 'zod';
import type { Role } from '#shared/contract/roles.ts';
import { recordOf, type CheckedSource } from './checked-source.ts';
import { draftTenant, type TenantDraft } from './draft-tenant.ts';
import { explainUnknownKey } from './explain-issue.ts';
import type { Place } from './manifest-problem.ts';
import { ManifestFile, RoleEntry, RoleKey } from './manifest-schema.ts';

/** One file by itself. What is `undefined` in a draft was reported. The drafts of all files make a manifest together. */
export interface FileDraft {
  readonly root: Place;
  readonly header: Header;
  /** Those of `header.roles`, also when some of them could not be read. */
  readonly roles: readonly RoleDraft[];
  /** `null`: the file has none, which is fine in a folder. */
  readonly tenants: readonly TenantDraft[] | null;
}

/** What holds for the whole manifest, in whichever file it stands. */
const HEADER = {
  version: ManifestFile.shape.version.unwrap(),
  name: ManifestFile.shape.name.unwrap(),
  roles: ManifestFile.shape.roles.unwrap(),
  defaults: ManifestFile.shape.defaults.unwrap(),
  gate: ManifestFile.shape.gate.unwrap(),
};
export type HeaderKey = keyof typeof HEADER;

/** `null`: the file does not have the key. */
export type Header = { readonly [Key in HeaderKey]: HeaderDraft<z.output<(typeof HEADER)[Key]>> | null };

export interface HeaderDraft<Value> {
  readonly place: Place;
  readonly value: Value | undefined;
}

export interface RoleDraft {
  readonly key: string;
  readonly place: Place;
  /** Of the id; where there is none, of the role. */
  readonly idPlace: Place;
  readonly role: Role | undefined;
}

const Tenants = z.array(z.unknown()).min(1, 'expected at least one tenant');

/** `null`: the file is no mapping, which was reported. */
export function draftFile(source: CheckedSource): FileDraft | null {
  const root = source.placeOf([]);
  const file = recordOf(source.value);
  if (file === undefined) {
    source.report({ ...root, message: 'expected a mapping with keys like version, name, roles and tenants' });
    return null;
  }
  reportUnknownKeys(source, file);
  if ('$schema' in file) source.check(ManifestFile.shape.$schema, ['$schema'], file['$schema']);

  const part = <Schema extends z.ZodType>(key: string, schema: Schema): HeaderDraft<z.output<Schema>> | null =>
    key in file ? { place: source.placeOf([key]), value: source.check(schema, [key], file[key]) } : null;
  const roles = draftRoles(source, file['roles']);
  const tenants = part('tenants', Tenants)?.value?.map((tenant, index) => draftTenant(source, tenant, index));
  return {
    root,
    header: {
      version: part('version', HEADER.version),
      name: part('name', HEADER.name),
      roles: part('roles', HEADER.roles),
      defaults: part('defaults', HEADER.defaults),
      gate: part('gate', HEADER.gate),
    },
    roles,
    tenants: 'tenants' in file ? (tenants ?? []) : null,
  };
}

function reportUnknownKeys(source: CheckedSource, file: Readonly<Record<string, unknown>>): void {
  const known = Object.keys(ManifestFile.shape);
  for (const key of Object.keys(file)) {
    if (known.includes(key)) continue;
    source.report({ ...source.placeOfKey([key]), message: explainUnknownKey(key, known) });
  }
}

/** The record as a whole is checked, and reported, with the header. */
function draftRoles(source: CheckedSource, value: unknown): RoleDraft[] {
  return Object.entries(recordOf(value) ?? {}).map(([key, entry]) => {
    const role = RoleKey.safeParse(key).success ? RoleEntry.safeParse(entry).data : undefined;
    return { key, place: source.placeOfKey(['roles', key]), idPlace: source.placeOf(['roles', key, 'id']), role };
  });
}
