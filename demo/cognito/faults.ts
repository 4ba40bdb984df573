import type { Operation } from './call.ts';

/** Something that goes wrong on purpose. Of those that match a call, the one set first happens. */
export interface Fault {
  /** Default: a random one. Setting a known id replaces that fault. */
  readonly id?: string;
  /** Absent: all Cognito operations, and not AssumeRole. */
  readonly operation?: Operation;
  readonly pool?: string;
  readonly accessKeyId?: string;
  /** Only calls that filter for this email or ask for this username. */
  readonly email?: string;
  /** Only the first so many matching calls; absent: until removed. */
  readonly times?: number;
  /** Only for so long after it was set. */
  readonly untilMs?: number;
  /** Only this share of the matching calls, 0…1. */
  readonly probability?: number;
  readonly kind: FaultKind;
  /** `error`: the name of the exception. */
  readonly name?: string;
  /** `error` and `http`: the HTTP status. */
  readonly status?: number;
  readonly message?: string;
  readonly contentType?: string;
  readonly body?: string;
  /** `latency`: how long; `skewed-date`: how far ahead, behind when negative. */
  readonly ms?: number;
  readonly bytesPerSecond?: number;
}

export const FAULT_KINDS = [
  'error', // an exception of the service: { name, status?, message? }
  'http', // a raw answer: { status, contentType?, body? }
  'latency', // the true answer, { ms } later; adds up with other faults
  'hang', // no answer, not even headers
  'stall-body', // the headers, half of the body, and then nothing
  'trickle', // the body drips: { bytesPerSecond }
  'reset', // RST instead of an answer
  'reset-mid-body', // the headers, half of the body, RST
  'skewed-date', // a Date header off by { ms }; adds up with other faults
  'expired-token', // ExpiredTokenException until the caller comes with a new access key id
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What faults look at in a call. */
export interface FaultTarget {
  readonly operation: Operation;
  readonly pool?: string | undefined;
  readonly accessKeyId: string;
  readonly email?: string | undefined;
}

/** Pure: whether the fault is about this call, before its times, time and probability are asked. */
export function concerns(fault: Fault, call: FaultTarget): boolean {
  return (
    (fault.operation === undefined ? call.operation !== 'AssumeRole' : fault.operation === call.operation) &&
    (fault.pool === undefined || fault.pool === call.pool) &&
    (fault.accessKeyId === undefined || fault.accessKeyId === call.accessKeyId) &&
    (fault.email === undefined || fault.email.toLowerCase() === call.email)
  );
}
