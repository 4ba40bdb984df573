import { z } from 'zod';
import { RunId, SeedId, TenantId } from './ids.ts';
import { Label } from './label.ts';

export const SEED_QUEUE = 'rolecall';
export const QUEUE_PREFIX = '{rolecall}'; // a hash tag: Redis Cluster keeps all keys of the queue in one slot

/** What producers promise and workers rely on. `v` lets a worker refuse what it would misread; keys may be added. */
export const SeedJob = z.object({ v: z.literal(1), run: RunId, tenant: TenantId, seedId: SeedId, label: Label });
export type SeedJob = z.infer<typeof SeedJob>;

/** Deterministic, so enqueueing twice adds nothing. Letters, because BullMQ refuses integers and `:`. */
export function seedJobId({ run, seedId }: Pick<SeedJob, 'run' | 'seedId'>): string {
  return `r${run}-s${seedId}`;
}

/** The run and seed of a job id, or `null` when the id is not one of ours. */
export function parseSeedJobId(id: string): { readonly run: RunId; readonly seedId: SeedId } | null {
  const [, run, seedId] = /^r([1-9]\d*)-s([1-9]\d*)$/.exec(id) ?? [];
  return run && seedId ? { run: RunId.parse(Number(run)), seedId: SeedId.parse(Number(seedId)) } : null;
}

const MAX_PRIORITY = 2_097_151; // BullMQ's: 2^21 − 1

/**
 * The first seeds of all tenants come first, then the second ones, and so on: tenants take turns whatever their size
 * and order. BullMQ serves low numbers first, and 0 before all.
 */
export function seedPriority(ordinalInTenant: number): number {
  return Math.min(1 + ordinalInTenant, MAX_PRIORITY);
}

/**
 * A seed that failed comes after the first hundred of every tenant, after the second time after two hundred, and so on: else
 * the many of a tenant whose pool is down would come back before those of the others that nobody has looked at yet.
 */
export function retryPriority(attempt: number): number {
  return Math.min(100 * attempt, MAX_PRIORITY);
}
