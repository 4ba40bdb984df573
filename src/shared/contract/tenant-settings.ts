import { z } from 'zod';

/** What becomes of a seed whose user does not exist. */
export const OnMissing = z.enum(['block', 'skip', 'wait']);
export type OnMissing = z.infer<typeof OnMissing>;

/** What becomes of a seed whose user is disabled. */
export const OnDisabled = z.enum(['skip', 'block', 'grant']);
export type OnDisabled = z.infer<typeof OnDisabled>;

/** Whether a release may serve while Cognito has a bad day. */
export const OnTransient = z.enum(['tolerate', 'hold']);
export type OnTransient = z.infer<typeof OnTransient>;

export const AssumeRole = z.object({ arn: z.string(), externalId: z.string().optional() });

/**
 * What the producer records about a tenant and the worker reads. No secrets: a database is the name of the environment
 * variable that holds its URL.
 */
export const TenantSettings = z.object({
  userPool: z.object({
    id: z.string(),
    region: z.string(),
    endpoint: z.string().optional(),
    assumeRole: AssumeRole.optional(),
    requestsPerSecond: z.number(),
  }),
  identity: z.object({ requireVerifiedEmail: z.boolean(), onDisabled: OnDisabled }),
  grants: z.object({ databaseUrlEnv: z.string(), schema: z.string() }),
});
export type TenantSettings = z.infer<typeof TenantSettings>;
