import { redact } from '#shared/runtime/logger.ts';
import { shellQuoted } from '#shared/runtime/shell-quoted.ts';
import type { Surroundings } from './scenarios/scenario.ts';

/** Pure: what takes a command from any other window to the demo's ledger and queue. A lent URL may hold a password. */
export function environmentToPaste(
  env: Readonly<Record<string, string | undefined>>,
  databaseUrl: string,
): Pick<Surroundings, 'environment' | 'ofThisWindow'> {
  const used = Object.entries({ DATABASE_URL: databaseUrl, REDIS_URL: env['REDIS_URL'] ?? '' });
  const { shown = [], hidden = [] } = Object.groupBy(
    used.filter(([, url]) => url !== ''),
    ([name, url]) => (env[name] && mayHoldPassword(url) ? 'hidden' : 'shown'),
  );
  return {
    environment: shown.map(([name, url]) => `${name}=${shellQuoted(url)} `).join(''),
    ofThisWindow: hidden.map(([name]) => name),
  };
}

/** PostgreSQL takes one behind the question mark as well. */
function mayHoldPassword(url: string): boolean {
  return redact(url) !== url || url.includes('?');
}
