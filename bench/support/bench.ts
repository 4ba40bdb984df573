import type { Platform } from './platform.ts';

export const BACKENDS = ['redis', 'postgres'] as const;
/** Where the queue lives. */
export type Backend = (typeof BACKENDS)[number];

export type Unit = 's' | 'ms' | '/s';

/** What the ratio of measured to against must be; `plusSeconds` is granted on top of a longest time. */
export type Target =
  | { readonly kind: 'at least'; readonly ratio: number }
  | { readonly kind: 'at most'; readonly ratio: number; readonly plusSeconds?: number };

/** Something else that must hold for the target to be met. */
export interface Limit {
  readonly of: string;
  readonly value: number;
  readonly atMost: number;
  readonly unit?: string;
}

/** One pair of figures, both measured in this run unless the baseline says that it is arithmetic. */
export interface Finding {
  /** Where a bench has several; empty where it has one. */
  readonly case: string;
  readonly measured: number;
  readonly against: number;
  readonly limits?: readonly Limit[];
  /** Worth knowing, and not judged. */
  readonly details?: Readonly<Record<string, number>>;
}

export interface Bench {
  readonly name: string;
  /** What is measured, in a line. */
  readonly description: string;
  /** What it is compared with, in a line. */
  readonly baseline: string;
  readonly unit: Unit;
  readonly target: Target;
  readonly backends: readonly Backend[];
  run(platform: Platform, backend: Backend): Promise<readonly Finding[]>;
}
