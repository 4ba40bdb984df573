/** No statement of rolecall takes seconds: what lasts longer hangs, and a worker that hangs is worse than one that retries. */
export const POSTGRES_TIMEOUTS = {
  connectionTimeoutMillis: 5_000,
  statement_timeout: 30_000,
  query_timeout: 35_000, // also when the server is gone without a word
  keepAlive: true,
  application_name: 'rolecall',
} as const;
