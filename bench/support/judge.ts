import type { Finding, Limit, Target } from './bench.ts';

export interface Verdict {
  /** Measured by against. */
  readonly ratio: number;
  readonly met: boolean;
}

/** Pure: the ratio, and whether it and everything beside it is as it should be. */
export function judge({ measured, against, limits = [] }: Finding, target: Target): Verdict {
  return { ratio: measured / against, met: reaches(target, measured, against) && limits.every(isKept) };
}

function reaches(target: Target, measured: number, against: number): boolean {
  switch (target.kind) {
    case 'at least':
      return measured >= target.ratio * against;
    case 'at most':
      return measured <= target.ratio * against + (target.plusSeconds ?? 0);
    default:
      return target satisfies never;
  }
}

export function isKept({ value, atMost }: Limit): boolean {
  return value <= atMost;
}
