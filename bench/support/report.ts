import type { Backend, Bench, Finding, Target } from './bench.ts';
import { isKept, type Verdict } from './judge.ts';

export type BenchFacts = Pick<Bench, 'name' | 'description' | 'baseline' | 'unit' | 'target'>;

/** One row of the table, and of the JSON. */
export interface Result extends BenchFacts, Finding, Verdict {
  readonly backend: Backend;
}

const HEADER = ['BENCH', 'BACKEND', 'MEASURED', 'AGAINST', 'RATIO', 'TARGET', 'MET', 'ALSO'];

/** For people. JSON holds more. */
export function table(results: readonly Result[]): string {
  return columns([HEADER, ...results.map(row)]);
}

export function list(benches: readonly (BenchFacts & Pick<Bench, 'backends'>)[]): string {
  return columns(
    benches.map(({ name, backends, target, description, baseline }) => [
      name,
      backends.join(' '),
      describeTarget(target),
      `${description}; against ${baseline}`,
    ]),
  );
}

export function describeTarget({ kind, ...target }: Target): string {
  const extra = 'plusSeconds' in target && target.plusSeconds !== undefined ? ` + ${target.plusSeconds} s` : '';
  return `${kind === 'at least' ? '≥' : '≤'} ${target.ratio}×${extra}`;
}

export function quantity(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = Number.isInteger(value) && unit !== 's' ? String(value) : value.toFixed(digits);
  return unit === '' ? text : `${text} ${unit}`;
}

function row({ name, case: which, backend, measured, against, unit, ratio, target, met, limits = [] }: Result) {
  const also = limits.map(
    (limit) =>
      `${limit.of} ${quantity(limit.value, limit.unit ?? '')} (≤ ${limit.atMost}${isKept(limit) ? '' : ', missed'})`,
  );
  return [
    which === '' ? name : `${name}: ${which}`,
    backend,
    quantity(measured, unit),
    quantity(against, unit),
    `${ratio.toFixed(2)}×`,
    describeTarget(target),
    met ? 'met' : 'missed',
    also.join(', '),
  ];
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
