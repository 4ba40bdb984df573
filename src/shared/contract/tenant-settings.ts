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

/** When a grant is made: whenever it is missing, or only for a user who holds no role at all in that scope. */
export const GrantMode = z.enum(['ensure', 'bootstrap']);
export type GrantMode = z.infer<typeof GrantMode>;

/**
 * By which request of Cognito a user is looked up. AdminGetUser has four times the quota, but bills every user whom it
 * finds as active and hides that a second one has the email.
 */
export const LookupOperation = z.enum(['ListUsers', 'AdminGetUser']);
export type LookupOperation = z.infer<typeof LookupOperation>;

/** Two thirds of what AWS grants an account and region: 30 and 120 (AWS docs: quotas in Amazon Cognito). */
export const DEFAULT_REQUESTS_PER_SECOND = { ListUsers: 20, AdminGetUser: 80 } as const satisfies Record<
  LookupOperation,
  number
>;

/** A tenant's own table of grants. Names are as in the catalog of PostgreSQL: case counts, nothing is quoted. */
export const GrantsTable = z.object({
  name: z.string(),
  columns: z.object({
    userId: z.string(),
    roleId: z.string(),
    tenant: z.string().optional(),
    scope: z.string().optional(),
    /** Filled with a UUID made of run, seed, role and scope. Absent: the column, if any, has a default of its own. */
    id: z.string().optional(),
  }),
  /** What stands in the columns of the tenant; absent: the tenant's id. */
  tenantValue: z.string().optional(),
  /** Column → what is written to it, as text. */
  constants: z.record(z.string(), z.string()),
  /** Where the ids of roles are looked up by name; absent: the manifest says them. */
  roles: z
    .object({
      schema: z.string().optional(),
      table: z.string(),
      id: z.string(),
      name: z.string(),
      /** Whose role it is, where one name stands there for several tenants. */
      tenant: z.string().optional(),
    })
    .optional(),
});
export type GrantsTable = z.infer<typeof GrantsTable>;

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
    lookup: LookupOperation.default('ListUsers'), // older versions recorded none
    /** rolecall's share of the quota of `lookup`. */
    requestsPerSecond: z.number(),
  }),
  identity: z.object({ requireVerifiedEmail: z.boolean(), onDisabled: OnDisabled }),
  /** Without a table: the managed ones. */
  grants: z.object({ databaseUrlEnv: z.string(), schema: z.string(), table: GrantsTable.optional() }),
});
export type TenantSettings = z.infer<typeof TenantSettings>;
