import pg from 'pg';

/** Types leave out what decides whether a process waits for it (pg: lib/client.js). */
type Client = pg.Client & { ref(): void; unref(): void };

/** For each URL the connection that its next statement uses; a new one costs more than most statements. */
const idle = new Map<string, Client>();

/** One statement, with no other beside it on its connection; the rows. What it sets for the session may or may not last. */
export async function execute<Row extends pg.QueryResultRow = pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = idle.get(url) ?? (await connect(url));
  idle.delete(url);
  client.ref();
  try {
    const { rows } = await client.query<Row>(text, values);
    if (idle.has(url)) return rows;
    idle.set(url, client);
    client.unref();
    return rows;
  } finally {
    if (idle.get(url) !== client) await client.end();
  }
}

/** It ends by itself, or with its database. */
async function connect(url: string): Promise<Client> {
  const client = new pg.Client({ connectionString: url }) as Client;
  const forget = () => void (idle.get(url) === client && idle.delete(url));
  client.on('error', forget).on('end', forget);
  await client.connect();
  return client;
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
