import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Node, Pair, YAMLError } from 'yaml';
import type { Env } from '#shared/config/env.ts';
import type { ManifestProblem, Path, Place } from './manifest-problem.ts';
import { keyOf, toPlainValue } from './plain-value.ts';
import { variablesOf } from './substitute.ts';

export type ParsedSource =
  | { readonly kind: 'parsed'; readonly source: ManifestSource }
  | { readonly kind: 'broken'; readonly problems: readonly ManifestProblem[] };

/** What one file holds, and where. It keeps the parsed file alive: take what is needed and let it go. */
export interface ManifestSource {
  readonly value: unknown;
  /** Found on the way, though the file can be read: keys that stand twice, tags, variables that are not set. */
  readonly problems: readonly ManifestProblem[];
  /** Where the value stands; its parent when there is none. */
  placeOf(path: Path): Place;
  placeOfKey(path: Path): Place;
  originOf(path: Path): Origin;
}

/** What is to be known about a value besides its place before something is said against it. */
export interface Origin {
  readonly missing: boolean;
  /** Already reported, so what follows from it need not be. */
  readonly unresolved: boolean;
  /** The variables whose values are in it. */
  readonly variables: readonly string[];
}

/** YAML 1.2, and JSON, which is YAML. Messages of the parser that quote the source are cut: it holds emails. */
export function parseSource(file: string, text: string, env: Env): ParsedSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false, // they quote the source
    stringKeys: true,
    resolveKnownTags: false,
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const placeOf = (node: Node): Place => placeAt(node.range?.[0] ?? 0);

  const fatal = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY');
  if (fatal.length > 0) return { kind: 'broken', problems: describeErrors(fatal, placeAt) };
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) {
    return { kind: 'broken', problems: [{ ...placeAt(0), message: 'the file is empty' }] };
  }

  const plain = toPlainValue(root, env);
  return {
    kind: 'parsed',
    source: {
      value: plain.value,
      problems: [
        ...describeErrors([...document.errors, ...document.warnings], placeAt),
        ...plain.problems.map(({ node, message }) => ({ ...placeOf(node), message })),
      ],
      placeOf: (path) => placeOf(walk(root, path).node),
      placeOfKey(path) {
        const { node } = walk(root, path.slice(0, -1));
        const map = isAlias(node) ? plain.targets.get(node) : node;
        const key = pairOf(map, path.at(-1))?.key;
        return placeOf(isNode(key) ? key : node);
      },
      originOf(path) {
        const { node, missing } = walk(root, path);
        const target = isAlias(node) ? plain.targets.get(node) : node;
        const written = isScalar(target) && typeof target.value === 'string' ? target.value : '';
        return { missing, unresolved: plain.unresolved.has(node), variables: variablesOf(written) };
      },
    },
  };

  /** Down the path as far as there is something. */
  function walk(from: Node, path: Path): { node: Node; missing: boolean } {
    let node = from;
    for (const step of path) {
      const parent = isAlias(node) ? plain.targets.get(node) : node;
      const next = isSeq(parent) ? parent.items[Number(step)] : pairOf(parent, step)?.value;
      if (!isNode(next)) return { node, missing: true };
      node = next;
    }
    return { node, missing: false };
  }
}

function pairOf(node: Node | undefined, key: PropertyKey | undefined): Pair | undefined {
  // The last one, as in the value: of keys that stand twice, the last one wins.
  return isMap(node) ? node.items.findLast((pair) => keyOf(pair.key) === key) : undefined;
}

const SYNTAX: Partial<Record<YAMLError['code'], string>> = {
  BAD_DIRECTIVE: 'directives, lines that begin with %, are not supported',
  DUPLICATE_KEY: 'this key stands here for the second time',
  MULTIPLE_DOCS: 'a second document begins here; a file holds one',
  NON_STRING_KEY: 'a key must be a string',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'tags are not supported',
};

/** One problem per line: the parser tends to stumble over the same mistake again and again. */
function describeErrors(errors: readonly YAMLError[], placeAt: (offset: number) => Place): ManifestProblem[] {
  const byLine = new Map<number, ManifestProblem>();
  for (const { code, message, pos } of errors) {
    const place = placeAt(pos[0]);
    if (byLine.has(place.line)) continue;
    const unquoted = code === 'UNEXPECTED_TOKEN' ? message.replace(/: .*$/s, '') : message;
    byLine.set(place.line, { ...place, message: SYNTAX[code] ?? `not valid YAML: ${unquoted}` });
  }
  return [...byLine.values()];
}
