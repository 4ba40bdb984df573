import { z } from 'zod';
import { Email, ManifestName, RoleId, Scope, TenantId } from '#shared/contract/ids.ts';
import { GrantMode, LookupOperation, OnDisabled, OnMissing, OnTransient } from '#shared/contract/tenant-settings.ts';
import { AWS_REGIONS } from './aws-regions.ts';
import { ColumnValue, Grants } from './grants-schema.ts';
import { didYouMean } from './nearest.ts';

/** Short names that seeds use for roles. No `@`, so that it can be quoted in a message without quoting an email. */
export const RoleKey = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,62}$/, 'expected 1 to 63 of letters, digits, ".", "_", "-" as the key of a role');

const NOT_TAKEN =
  'expected a text without the character NUL and without half of a surrogate pair, which PostgreSQL does not take';
const PostgresText = z.string().refine((text) => !text.includes('\0') && text.isWellFormed(), NOT_TAKEN);

export const RoleEntry = z
  .strictObject({
    id: ColumnValue.pipe(RoleId)
      .optional()
      .describe('The id of the role in the table of roles: a UUID, unless all tenants have tables of their own.'),
    name: PostgresText.trim().min(1).max(100).describe('The name of the role, for people.'),
    description: PostgresText.default('').describe('What the role is for.'),
  })
  .describe('A role that seeds can hold.');

const Region = z.enum(AWS_REGIONS, {
  error: ({ input }) => `expected an AWS region, like eu-west-2${didYouMean(input, AWS_REGIONS)}`,
});

/** AWS: API_ListUsers, UserPoolId. */
const UserPoolId = z
  .string()
  .max(55, 'the id of a user pool has at most 55 characters')
  .regex(/^[\w-]+_[0-9a-zA-Z]+$/, 'expected the id of a user pool, like eu-west-2_AbCdEfGhI');

/** `http` for any host: emulators run beside the platform under names of their own. */
const Endpoint = z.string().superRefine((text, ctx) => {
  const url = URL.parse(text);
  const refuse = (message: string) => ctx.addIssue({ code: 'custom', message });
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return refuse('expected an http or https URL');
  if (url.username !== '' || url.password !== '') refuse('expected a URL without user and password');
  if (url.search !== '' || url.hash !== '') refuse('expected a URL without query and fragment');
});

/** AWS: API_AssumeRole, RoleArn and ExternalId. */
const AssumeRole = z.strictObject({
  arn: z
    .string()
    .max(2048)
    .regex(
      /^arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/(?:[\w+=,.@-]+\/)*[\w+=,.@-]+$/,
      'expected the ARN of an IAM role, like arn:aws:iam::111122223333:role/rolecall',
    )
    .describe('The role that workers assume to read the pool, when it is in another account.'),
  externalId: z
    .string()
    .min(2)
    .max(1224)
    .regex(/^[\w+=,.@:/-]*$/, 'expected only letters, digits and _+=,.@:/-')
    .optional()
    .describe('The external id that the trust policy of the role asks for.'),
});

const UserPool = z.strictObject({
  id: UserPoolId.describe('The id of the Amazon Cognito user pool.'),
  region: Region.describe('The AWS region in which the pool is asked.'),
  endpoint: Endpoint.optional().describe('Instead of AWS: an emulator. For tests only.'),
  assumeRole: AssumeRole.optional().describe('For a pool in another account.'),
  lookup: LookupOperation.default('ListUsers').describe(
    'How users are looked up. AdminGetUser is faster, but bills every user whom it finds as active and hides duplicates.',
  ),
  requestsPerSecond: z
    .number()
    .positive()
    .max(1_000_000)
    .optional()
    .describe(
      "rolecall's share of the quota of the lookup, which all pools of an account and region use together: the lowest that is named there holds. Default: 20 of ListUsers' 30 per second, 80 of AdminGetUser's 120.",
    ),
});

const Identity = z.strictObject({
  requireVerifiedEmail: z
    .boolean()
    .default(true)
    .describe('Whether a user whose email is not verified is refused: it may belong to somebody else.'),
  onDisabled: OnDisabled.default('skip').describe('What becomes of a seed whose user is disabled.'),
});

export const NO_ROLES = 'expected at least one role';

export const ScopedRole = z
  .strictObject({
    role: RoleKey.describe('The key of the role.'),
    scope: ColumnValue.pipe(Scope).optional().describe('Within which it is held. Without it: everywhere.'),
  })
  .describe('A role within a scope, where the table of the tenant has a column for it.');

export const SeedEntry = z
  .strictObject({
    email: Email.describe('The email of the user in the pool. ${VAR} takes it from the environment.'),
    roles: z
      .array(z.union([RoleKey, ScopedRole]))
      .min(1, NO_ROLES)
      .describe('The roles that the user must hold, by their keys.'),
    onMissing: OnMissing.optional().describe('What becomes of the seed when the pool has no such user.'),
    mode: GrantMode.optional().describe("For this seed, instead of the tenant's grants.mode."),
  })
  .describe('One email and the roles that it must hold.');

export const NO_SEEDS = 'expected at least one seed: a tenant that names nobody must not open a gate';

export const TenantEntry = z
  .strictObject({
    id: TenantId.describe("The tenant's id: shown in logs and metrics, part of every grant."),
    userPool: UserPool.describe('The Amazon Cognito user pool of the tenant.'),
    identity: Identity.prefault({}).describe('Which users of the pool may be granted roles.'),
    grants: Grants.prefault({}).describe('Where the grants of the tenant are written.'),
    seeds: z.array(SeedEntry).min(1, NO_SEEDS).describe('The people who must hold roles.'),
  })
  .describe('One user pool and one place for its grants.');

/** Every key is optional here: in a folder, a file may hold tenants only. What must stand somewhere is checked later. */
export const ManifestFile = z
  .strictObject({
    $schema: z.string().optional().describe('For editors; rolecall ignores it.'),
    version: z
      .literal(1, { error: 'expected 1, the version of this format' })
      .optional()
      .describe('The version of this format.'),
    name: ManifestName.optional().describe('Releases of one name supersede each other; those of another never do.'),
    roles: z.record(RoleKey, RoleEntry).optional().describe('The roles, by the keys that seeds use for them.'),
    defaults: z
      .strictObject({ onMissing: OnMissing.default('block').describe('For seeds that do not say it themselves.') })
      .optional()
      .describe('Holds for the seeds of every file.'),
    gate: z
      .strictObject({
        onTransient: OnTransient.default('tolerate').describe('Whether the gate opens while Cognito cannot answer.'),
      })
      .optional()
      .describe('When the gate opens.'),
    tenants: z.array(TenantEntry).min(1, 'expected at least one tenant').optional().describe('The tenants.'),
  })
  .describe('A rolecall manifest, or one file of a folder that is one.');
