import { isDeepStrictEqual } from 'node:util';
import type { Predicate, UniqueIndex } from './read-catalog.ts';
import { quoted, type TableLayout } from './table-layout.ts';

export interface GrantKey {
  /** User, role, and the tenant if it has a column. */
  readonly columns: readonly string[];
  readonly scope: string | undefined;
}

/**
 * Pure: what ON CONFLICT has to name so that the second of two equal grants is stopped by an index. Only an index over
 * exactly what makes a grant will do: over fewer columns it would also stop a grant that is missing.
 */
export function coverGrants(key: GrantKey, indexes: readonly UniqueIndex[]): TableLayout['arbiters'] {
  const { columns, scope } = key;
  if (scope === undefined) return { unscoped: targetOf(indexes, { columns, predicates: ['all'] }), scoped: null };
  const withScope = [...columns, scope];
  const equalNulls = indexes.filter(({ nullsAreEqual }) => nullsAreEqual); // to other indexes, two nulls differ
  const where = { 'scope-null': `${quoted(scope)} is null`, 'scope-given': `${quoted(scope)} is not null` };
  return {
    unscoped:
      targetOf(indexes, { columns, predicates: ['scope-null'], where }) ??
      targetOf(equalNulls, { columns: withScope, predicates: ['all', 'scope-null'], where }),
    scoped: targetOf(indexes, { columns: withScope, predicates: ['all', 'scope-given'], where }),
  };
}

interface Wanted {
  readonly columns: readonly string[];
  readonly predicates: readonly Predicate[];
  readonly where?: Partial<Record<Predicate, string>>;
}

function targetOf(indexes: readonly UniqueIndex[], { columns, predicates, where }: Wanted): string | null {
  const found = indexes.find(
    (index) => predicates.includes(index.predicate) && isDeepStrictEqual(index.columns.toSorted(), columns.toSorted()),
  );
  if (found === undefined) return null;
  const condition = where?.[found.predicate];
  return `(${found.columns.map(quoted).join(', ')})${condition === undefined ? '' : ` where ${condition}`}`;
}
