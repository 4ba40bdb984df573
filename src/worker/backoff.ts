export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

/**
 * Capped exponential, full jitter (AWS Architecture Blog: Exponential Backoff And Jitter): an integer in 1…capMs. BullMQ
 * reads 0 as "now" and −1 as "fail", and on PostgreSQL a fractional delay leaves the job active until it stalls.
 * `2 ** attempt` may reach Infinity; the cap wins.
 */
export function backoffMs(attempt: number, { baseMs, capMs, random }: Backoff): number {
  return 1 + Math.floor(random() * Math.min(capMs, baseMs * 2 ** (attempt - 1)));
}
