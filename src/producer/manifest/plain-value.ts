import { isAlias, isMap, isScalar, isSeq, type Alias, type Node, type Scalar } from 'yaml';
import type { Env } from '#shared/config/env.ts';
import { substitute } from './substitute.ts';

export interface PlainValue {
  readonly value: unknown;
  /** Scalars that stand for nothing, as a variable could not be substituted, say; they are `undefined` in `value`, and already reported. */
  readonly unresolved: ReadonlySet<Node>;
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Alias, Node>;
  readonly problems: readonly { readonly node: Node; readonly message: string }[];
}

/** Names an environment variable instead of holding a value: a secret must never get into the manifest. */
const NEVER_SUBSTITUTED = 'databaseUrlEnv';

/** YAML nodes → plain values, with variables substituted in strings but not in keys. */
export function toPlainValue(root: Node, env: Env): PlainValue {
  const unresolved = new Set<Node>();
  const targets = new Map<Alias, Node>();
  const problems: { node: Node; message: string }[] = [];
  const anchored = new Map<string, { node: Node; value: unknown }>();

  return { value: valueOf(root, null), unresolved, targets, problems };

  function valueOf(node: unknown, key: string | null): unknown {
    if (isAlias(node)) return valueOfAlias(node, key);
    if (isScalar(node)) return anchor(node, isRewritten(node) ? rewritten(node) : scalar(node, node.value, key));
    if (isSeq(node)) {
      return anchor(
        node,
        node.items.map((item) => valueOf(item, null)),
      );
    }
    if (!isMap(node)) return null;
    const entries = node.items.map(({ key: keyNode, value }): [string, unknown] => {
      const name = keyOf(keyNode);
      return [name, valueOf(value, name)];
    });
    return anchor(node, Object.fromEntries(entries)); // unlike assignment, this takes `__proto__` for a key like others
  }

  function rewritten(node: Scalar): undefined {
    unresolved.add(node);
    problems.push({ node, message: `YAML reads the number ${node.value} here: write that, or put a text into quotes` });
  }

  function scalar(node: Node, value: unknown, key: string | null): unknown {
    if (typeof value !== 'string' || !value.includes('${') || key === NEVER_SUBSTITUTED) return value;
    const result = substitute(value, env);
    if (result.kind === 'substituted') return result.value;
    unresolved.add(node);
    problems.push(...result.problems.map((message) => ({ node, message })));
    return undefined;
  }

  /** Remembered only when complete: an alias inside its own anchor would never end. */
  function anchor<T>(node: Node & { anchor?: string }, value: T): T {
    if (node.anchor !== undefined) anchored.set(node.anchor, { node, value });
    return value;
  }

  /** Values are shared, not copied, so that aliases of aliases cannot grow without bound. */
  function valueOfAlias(alias: Alias, key: string | null): unknown {
    const target = anchored.get(alias.source);
    if (target === undefined) {
      unresolved.add(alias);
      problems.push({ node: alias, message: 'this alias has no anchor that ends before it' });
      return undefined;
    }
    targets.set(alias, target.node);
    if (unresolved.has(target.node)) unresolved.add(alias);
    return isScalar(target.node) && key === NEVER_SUBSTITUTED ? target.node.value : target.value;
  }
}

/**
 * A whole number in a way that no number is printed, like `0042` or `12E3` (YAML 1.2: 10.3.2 Tag Resolution): meant for an id or a
 * scope it would become another one, and the number it is may be of no other.
 */
function isRewritten({ value, source }: Scalar): boolean {
  return Number.isInteger(value) && source !== String(value);
}

/** Keys are strings: the parser reports the others. */
export function keyOf(node: unknown): string {
  return isScalar(node) ? String(node.value) : '';
}
