import { classifyDatabaseError } from './database-errors.ts';
import type { GrantStore } from './grant-store.ts';
import { managedLayout } from './table-layout.ts';
import { writeGrants } from './write-grants.ts';

/** The tables that rolecall migrates itself. */
export const managedGrants: GrantStore = {
  isVerified: () => true, // whoever produced the seed migrated them first
  verify: () => Promise.resolve(null),
  async write(tx, { schema }, wanted) {
    const roles = (seed: (typeof wanted)[number]) =>
      seed.roles.flatMap(({ id }) => (id === undefined ? [] : [{ id, scope: null }]));
    try {
      return await writeGrants(
        tx,
        managedLayout(schema),
        wanted.map((seed) => ({ ...seed, roles: roles(seed) })),
      );
    } catch (cause) {
      return { kind: 'failed', reason: classifyDatabaseError(cause), cause };
    }
  },
};
