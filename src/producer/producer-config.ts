import { z } from 'zod';
import { ConfigError, ledgerEnv, parseEnv, type Env } from '#shared/config/env.ts';
import { urlOfVariable } from '#shared/config/postgres-url.ts';
import { ReleaseId } from '#shared/contract/ids.ts';
import { queueTarget, RedisUrl, type QueueTarget } from '#shared/queue/queue-target.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { ManagedSchema } from './migrate.ts';

export interface ProducerConfig {
  readonly ledgerUrl: string;
  readonly queue: QueueTarget;
  readonly manifestPath: string;
  /** `undefined`: every `produce` is a release of its own. */
  readonly release: ReleaseId | undefined;
}

const manifestEnv = { ROLECALL_MANIFEST: z.string().default('rolecall.yaml') };

export function parseProducerConfig(env: Env): ProducerConfig {
  const parsed = parseEnv(
    { ...ledgerEnv, ...manifestEnv, REDIS_URL: RedisUrl.optional(), ROLECALL_RELEASE: ReleaseId.optional() },
    env,
  );
  return {
    ledgerUrl: parsed.DATABASE_URL,
    queue: queueTarget(parsed.REDIS_URL, parsed.DATABASE_URL),
    manifestPath: parsed.ROLECALL_MANIFEST,
    release: parsed.ROLECALL_RELEASE,
  };
}

/** `validate` needs no database. */
export function parseManifestPath(env: Env): string {
  return parseEnv(manifestEnv, env).ROLECALL_MANIFEST;
}

/**
 * Every place that holds managed tables, once; tenants name it by the variable that holds its URL. Of a tenant with tables
 * of its own nothing is asked: only the workers need its database.
 */
export function managedSchemas({ tenants }: Manifest, env: Env): ManagedSchema[] {
  const schemas = new Map<string, ManagedSchema>();
  const problems = new Set<string>();
  for (const { settings } of tenants) {
    const { databaseUrlEnv, schema, table } = settings.grants;
    if (table !== undefined) continue;
    const found = urlOfVariable(env[databaseUrlEnv]);
    if ('problem' in found) problems.add(`  ${databaseUrlEnv}: ${found.problem}`);
    else schemas.set(`${found.url} ${schema}`, { databaseUrlEnv, url: found.url, schema });
  }
  if (problems.size > 0) {
    throw new ConfigError(
      `the environment cannot be used (named by grants.databaseUrlEnv):\n${[...problems].join('\n')}`,
    );
  }
  return [...schemas.values()];
}
