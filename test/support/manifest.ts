/** Roles that every test manifest has; the ids are those of the sample. */
export const ADMIN = '64d3145b-034c-4328-b637-8eb54313b7c5';
export const RESEARCHER = '10b64ed0-bc90-4c01-9cc3-933c704905c1';

type RoleKey = 'admin' | 'researcher';

export interface SeedSketch {
  readonly email: string;
  /** Default: `['admin']`. */
  readonly roles?: readonly (RoleKey | { readonly role: RoleKey; readonly scope: string })[];
  readonly mode?: 'ensure' | 'bootstrap';
  readonly onMissing?: 'block' | 'skip' | 'wait';
}

export interface TenantSketch {
  /** Default: `flip`. */
  readonly id?: string;
  /** Default: `POOL`. */
  readonly pool?: string;
  readonly lookup?: 'ListUsers' | 'AdminGetUser';
  /** Default: so many that nothing is paced. */
  readonly requestsPerSecond?: number;
  readonly assumeRole?: { readonly arn: string; readonly externalId?: string };
  readonly identity?: { readonly requireVerifiedEmail?: boolean; readonly onDisabled?: 'skip' | 'block' | 'grant' };
  /** As in a manifest. */
  readonly grants?: object;
  /** An email alone wants the role of an admin. */
  readonly seeds: readonly (string | SeedSketch)[];
}

export interface ManifestSketch {
  /** Default: `flip`. */
  readonly name?: string;
  readonly tenants: readonly TenantSketch[];
}

export const POOL = 'eu-west-2_AbCdEfGhI';

/** What the sketch says, as a manifest against the emulator. */
export function writeOut({ name = 'flip', tenants }: ManifestSketch, endpoint: string): object {
  return {
    version: 1,
    name,
    roles: {
      admin: { id: ADMIN, name: 'Admin', description: 'A role for administrators.' },
      researcher: { id: RESEARCHER, name: 'Researcher', description: 'The default role.' },
    },
    tenants: tenants.map(
      ({ id = 'flip', pool = POOL, lookup, requestsPerSecond = 100_000, assumeRole, seeds, ...settings }) => ({
        id,
        userPool: {
          id: pool,
          region: 'eu-west-2',
          endpoint,
          requestsPerSecond,
          ...(lookup && { lookup }),
          ...(assumeRole && { assumeRole }),
        },
        ...settings,
        seeds: seeds
          .map((seed) => (typeof seed === 'string' ? { email: seed } : seed))
          .map((seed) => ({ roles: ['admin'], ...seed })),
      }),
    ),
  };
}

/** `person-0@example.org` and so on. */
export function people(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `person-${n}@example.org`);
}
