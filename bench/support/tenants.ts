import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_ACCOUNT, type EmulatedPool } from '../../demo/cognito/pool.ts';
import { syntheticEmail } from '../../demo/cognito/synthetic-users.ts';

export const REGION = 'eu-west-2';
/** The most that a manifest may name: nobody waits for a slot. */
export const UNLIMITED = 1_000_000;
/** No scan can be worth it: every seed is looked up by a filter of its own. */
export const HUGE_POOL = 10_000_000;

export interface TenantSketch {
  readonly id: string;
  /** The first so many users of its pool. */
  readonly seeds: number;
  /** How many users its pool has. */
  readonly users: number;
  /** Reached by assuming a role there. Default: the account of the emulator's static keys. */
  readonly account?: string;
  /** Default: that of the manifest. */
  readonly requestsPerSecond?: number;
}

/** So many tenants alike, each in an account of its own. */
export function inAccounts(count: number, sketch: Omit<TenantSketch, 'id' | 'account'>): TenantSketch[] {
  return Array.from({ length: count }, (_, n) => ({ ...sketch, id: `tenant-${n}`, account: `${222_200_000_000 + n}` }));
}

/**
 * So many times as many people, of other tenants in the same accounts: whoever has run that release holds the credentials, its
 * code is compiled, and still nobody of these tenants has a grant.
 */
export function releaseBefore(
  tenants: readonly TenantSketch[],
  times: number,
): { name: string; tenants: TenantSketch[] } {
  const before = Array.from({ length: times }, (_, n) =>
    tenants.map((tenant) => ({ ...tenant, id: `before-${n}-${tenant.id}` })),
  );
  return { name: 'before', tenants: before.flat() };
}

export function poolOf({ id, users, account = DEFAULT_ACCOUNT }: TenantSketch): EmulatedPool {
  return { id: poolId(id), account, syntheticUsers: users };
}

/** As Cognito wants it: letters and digits. */
export function poolId(tenant: string): string {
  return `${REGION}_${tenant.replaceAll('-', '')}`;
}

export function emailOf(seed: number): string {
  return syntheticEmail(seed);
}

export interface ManifestFolder {
  readonly path: string;
  readonly name: string;
  readonly tenants: readonly TenantSketch[];
  readonly endpoint: string;
  /** Default: one file for all. */
  readonly tenantsPerFile?: number;
}

/** A folder of YAML, as a person would write it. */
export async function writeManifest({ path, name, tenants, endpoint, ...options }: ManifestFolder): Promise<void> {
  const { tenantsPerFile = tenants.length } = options;
  await mkdir(path);
  await writeFile(join(path, 'rolecall.yaml'), HEAD(name));
  for (let at = 0; at < tenants.length; at += tenantsPerFile) {
    const lines = tenants.slice(at, at + tenantsPerFile).flatMap((tenant) => tenantLines(tenant, endpoint));
    await writeFile(join(path, `tenants-${at}.yaml`), `tenants:\n${lines.join('\n')}\n`);
  }
}

const HEAD = (name: string) => `version: 1
name: ${name}
roles:
  admin: { id: 64d3145b-034c-4328-b637-8eb54313b7c5, name: Admin, description: A role for administrators. }
`;

function tenantLines({ id, seeds, account, requestsPerSecond }: TenantSketch, endpoint: string): string[] {
  return [
    `  - id: ${id}`,
    `    userPool:`,
    `      id: ${poolId(id)}`,
    `      region: ${REGION}`,
    `      endpoint: ${endpoint}`,
    ...(requestsPerSecond === undefined ? [] : [`      requestsPerSecond: ${requestsPerSecond}`]),
    ...(account === undefined ? [] : [`      assumeRole: { arn: "arn:aws:iam::${account}:role/rolecall" }`]),
    `    seeds:`,
    ...Array.from({ length: seeds }, (_, seed) => `      - { email: ${emailOf(seed)}, roles: [admin] }`),
  ];
}
