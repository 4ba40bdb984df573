import { Counter, Histogram, type Registry } from 'prom-client';
import type { Reason } from '#shared/contract/reasons.ts';
import type { LookupSource } from './cognito/user-directory.ts';
import type { Outcome } from './outcome.ts';

export interface WorkerMetrics {
  settled(outcome: Outcome): void;
  observeCognito(operation: string, outcome: 'ok' | Reason, seconds: number): void;
  answered(source: LookupSource): void;
}

/** What only the worker sees. No label holds an email, a sub or a tenant: their number has no bound. */
export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  const settled = new Counter({
    name: 'rolecall_jobs_settled_total',
    help: 'Jobs that came to a verdict, by outcome and reason.',
    labelNames: ['outcome', 'reason'] as const,
    registers: [registry],
  });
  const requests = new Counter({
    name: 'rolecall_cognito_requests_total',
    help: 'Requests to Cognito, by operation and outcome: ok, or the reason of the failure.',
    labelNames: ['operation', 'outcome'] as const,
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'rolecall_cognito_request_duration_seconds',
    help: 'How long Cognito took to answer.',
    labelNames: ['operation', 'outcome'] as const,
    buckets: [0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers: [registry],
  });
  const lookups = new Counter({
    name: 'rolecall_lookups_total',
    help: 'Emails that were looked up, by what answered: a scan, get (AdminGetUser) or filter (ListUsers).',
    labelNames: ['source'] as const,
    registers: [registry],
  });
  return {
    settled: (outcome) => settled.inc({ outcome: outcome.kind, reason: 'reason' in outcome ? outcome.reason : '' }),
    observeCognito(operation, outcome, seconds) {
      requests.inc({ operation, outcome });
      durations.observe({ operation, outcome }, seconds);
    },
    answered: (source) => lookups.inc({ source }),
  };
}
