/** What a reason means for the job: only `transient` is tried again by itself. */
export type FailureClass = 'transient' | 'not-found' | 'item' | 'tenant' | 'unexpected';

interface ReasonEntry {
  readonly class: FailureClass;
  /** What happened, in the operator's words. */
  readonly meaning: string;
  /** What the operator does about it. */
  readonly todo: string;
}

const REPLAY = 'then replay.';

/** One table for code, page, operator and README. Codes are stable: alerts and runbooks name them. */
export const REASONS = {
  throttled: {
    class: 'transient',
    meaning: 'Cognito refused the request because a quota is used up.',
    todo: 'Nothing: workers ask more slowly. If it lasts, see who else uses the quota of that account and region, and lower requestsPerSecond.',
  },
  'cognito-unavailable': {
    class: 'transient',
    meaning: 'Cognito or STS answered with a server error, or with an answer that cannot be read.',
    todo: 'Nothing. If it lasts, look at the AWS health dashboard and at proxies in between.',
  },
  network: {
    class: 'transient',
    meaning: 'No connection to Cognito, or it broke.',
    todo: 'If it lasts, check egress, DNS and the configured region.',
  },
  timeout: {
    class: 'transient',
    meaning: 'Cognito did not answer in time.',
    todo: 'If it lasts, check egress and proxies.',
  },
  'credentials-expired': {
    class: 'transient',
    meaning: 'AWS credentials have expired, or the clock of this host is wrong.',
    todo: 'Nothing: fresh ones are fetched. If it lasts, check the clock of the workers and how they get credentials.',
  },
  'credentials-unavailable': {
    class: 'transient',
    meaning: 'The worker could not obtain AWS credentials.',
    todo: 'If it lasts, check the role of the workers, or the AWS_ variables of their environment.',
  },
  'database-unavailable': {
    class: 'transient',
    meaning: 'PostgreSQL could not be reached, closed the connection, or could not do the work: its disk is full, say.',
    todo: 'If it lasts, look at cause.code in the log of the workers; check the database, its disk, its connection limit, and that it is the primary.',
  },
  'database-conflict': {
    class: 'transient',
    meaning: 'PostgreSQL aborted the transaction: a deadlock, a serialization failure or a lock time-out.',
    todo: 'Nothing.',
  },
  'queue-unavailable': {
    class: 'transient',
    meaning: "Redis, which keeps the slots of Cognito's quota, could not be reached.",
    todo: 'If it lasts, check Redis.',
  },
  'user-missing': {
    class: 'not-found',
    meaning: 'No user of the pool has this email.',
    todo: `Create the user in the pool, ${REPLAY} Or set onMissing in the manifest and produce a new release.`,
  },
  'email-malformed': {
    class: 'item',
    meaning: 'Cognito cannot search for this email.',
    todo: 'Correct the email in the manifest and produce a new release.',
  },
  'email-ambiguous': {
    class: 'item',
    meaning: 'More than one user of the pool has this email.',
    todo: `Keep one user with this email in the pool, ${REPLAY}`,
  },
  'email-unverified': {
    class: 'item',
    meaning: 'The user has not verified this email, so it may belong to somebody else.',
    todo: `Verify the email in the pool, ${REPLAY} Or set requireVerifiedEmail: false for the tenant and produce a new release.`,
  },
  'user-disabled': {
    class: 'item',
    meaning: 'The user is disabled.',
    todo: `Enable the user in the pool, ${REPLAY} Or change onDisabled in the manifest and produce a new release.`,
  },
  'role-unknown': {
    class: 'item',
    meaning: 'The role does not exist in the table of roles, or its name stands there more than once.',
    todo: `Run rolecall migrate with the current manifest, or mend the tenant's own tables as is said beside this reason, ${REPLAY}`,
  },
  'cognito-refused': {
    class: 'item',
    meaning: 'Cognito refused the request for a reason that rolecall does not know.',
    todo: `Find the error in the log of the workers, mend its cause, ${REPLAY}`,
  },
  'pool-not-found': {
    class: 'tenant',
    meaning: 'The user pool does not exist in this account and region.',
    todo: 'Correct userPool.id or userPool.region in the manifest and produce a new release, or create the pool and replay.',
  },
  'access-denied': {
    class: 'tenant',
    meaning: 'AWS does not allow this role to read the pool.',
    todo: `Allow cognito-idp:ListUsers (and AdminGetUser, where the tenant looks up by it) on the ARN of the pool, ${REPLAY}`,
  },
  'assume-role-refused': {
    class: 'tenant',
    meaning: 'AWS does not allow the worker to assume the role of the tenant.',
    todo: `Check the ARN, the external id and the trust policy of the role, ${REPLAY}`,
  },
  'credentials-invalid': {
    class: 'tenant',
    meaning: 'AWS rejects the credentials of the worker, also after fetching them anew.',
    todo: `Replace the access key of the workers, ${REPLAY}`,
  },
  'region-refused': {
    class: 'tenant',
    meaning: 'The region is not enabled for the account, or is a replica that refuses the operation.',
    todo: `Enable the region, ${REPLAY} Or correct userPool.region in the manifest and produce a new release.`,
  },
  'endpoint-refused': {
    class: 'tenant',
    meaning: 'What answers at the endpoint is not Cognito, or its certificate is not trusted.',
    todo: `Check proxies and the trusted certificates, ${REPLAY} Or correct userPool.endpoint in the manifest and produce a new release.`,
  },
  'database-not-configured': {
    class: 'tenant',
    meaning: 'The environment variable that holds the database URL of the tenant is not set, or cannot be used.',
    todo: `Set the variable named by grants.databaseUrlEnv for the workers and restart them, ${REPLAY}`,
  },
  'database-refused': {
    class: 'tenant',
    meaning: 'PostgreSQL refuses the login, or the database does not exist.',
    todo: `Correct the variable named by grants.databaseUrlEnv for the workers and restart them, ${REPLAY}`,
  },
  'grants-table-missing': {
    class: 'tenant',
    meaning: 'The tables of the grants do not exist, lack a column, or are not as the manifest maps them.',
    todo: `Run rolecall migrate with the current manifest, or what is named beside this reason for a tenant's own table, ${REPLAY}`,
  },
  'grants-not-writable': {
    class: 'tenant',
    meaning: 'The database user may not read or write the tables of the grants.',
    todo: `Grant it USAGE on the schema, and SELECT and INSERT on user_role, ${REPLAY}`,
  },
  'grants-refused': {
    class: 'item',
    meaning:
      'PostgreSQL refused the grant: a constraint or a trigger of the table is against it, or a value does not fit its column.',
    todo: `Mend what is named beside this reason, else what the SQLSTATE in the log of the workers says, ${REPLAY}`,
  },
  unexpected: {
    class: 'unexpected',
    meaning: 'A bug, or a job that this version cannot read.',
    todo: 'Report it with the log line of the job; after an upgrade, replay.',
  },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof REASONS;

/** `ReasonOf<'transient'>` cannot hold `pool-not-found`: a wrong combination does not compile. */
export type ReasonOf<C extends FailureClass> = {
  [R in Reason]: (typeof REASONS)[R]['class'] extends C ? R : never;
}[Reason];

export type TransientReason = ReasonOf<'transient'>;
/** A seed that is blocked says why; a transient reason never blocks. */
export type BlockingReason = Exclude<Reason, TransientReason>;

export const REASON_CODES = Object.keys(REASONS) as Reason[]; // `Object.keys` widens to string; the table is closed

export function isReason(value: string): value is Reason {
  return Object.hasOwn(REASONS, value);
}

export function isTransient(reason: Reason): reason is TransientReason {
  return REASONS[reason].class === 'transient';
}

/** One cause for the whole tenant: its other seeds need not ask again to know the answer. */
export function isTenantFault(reason: Reason): reason is ReasonOf<'tenant'> {
  return REASONS[reason].class === 'tenant';
}
