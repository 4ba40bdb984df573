import { createHash } from 'node:crypto';
import { emailKey } from '#shared/contract/ids.ts';
import type { TenantSettings } from '#shared/contract/tenant-settings.ts';
import type { Manifest } from './manifest.ts';

/**
 * SHA-256, in hex, over what the manifest demands: not over how it is written, split into files and ordered, nor over
 * the case of emails. One release id always has one digest.
 */
export function digestManifest({ name, roles, gate, tenants }: Manifest): string {
  const hash = createHash('sha256');
  const add = (value: unknown) => hash.update(`${JSON.stringify(value)}\n`);
  add({
    format: 1,
    name,
    gate: sortKeys(gate),
    roles: sortBy(roles, ({ id, name: title }) => id ?? title).map(sortKeys),
  });
  for (const { id, settings, seeds } of sortBy(tenants, (tenant) => tenant.id)) {
    add({ id, settings: sortKeys(withoutNews(settings)) });
    // Seeds are many: one literal fixes the order of their keys faster than sorting them does.
    const people = seeds.map(({ email, ...demands }) => ({ key: emailKey(email), ...demands }));
    for (const { key, roles: held, onMissing, mode } of sortBy(people, (person) => person.key)) {
      const sorted = sortBy(held, (role) => `${role.key} ${role.scope ?? ''}`); // no key holds a space
      const demanded = sorted.map((role) => [role.key, role.id, ...(role.scope === undefined ? [] : [role.scope])]);
      add([key, onMissing, demanded, ...(mode === 'ensure' ? [] : [mode])]);
    }
  }
  return hash.digest('hex');
}

/** What a manifest need not say is left out, so that a release recorded by an older version keeps its digest. */
function withoutNews({ userPool, ...settings }: TenantSettings): object {
  const { lookup, ...pool } = userPool;
  return { ...settings, userPool: lookup === 'ListUsers' ? pool : userPool };
}

/** By code units: the same everywhere, whatever the locale. */
function sortBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, key: keyOf(item) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}

/** Plain values only: what comes from the schema. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, sortKeys(inner)]);
  return Object.fromEntries(sortBy(entries, ([key]) => key));
}
