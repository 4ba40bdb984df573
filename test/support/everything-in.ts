import { Redis } from 'ioredis';
import { execute } from './sql.ts';

/** Every key of this Redis database and all that is under it, as one text. */
export async function everythingInRedis(url: string): Promise<string> {
  const client = new Redis(url);
  try {
    const keys = await client.keys('*');
    const values = await Promise.all(keys.map(async (key) => [key, await readKey(client, key)]));
    return JSON.stringify(values, null, 1);
  } finally {
    client.disconnect();
  }
}

async function readKey(client: Redis, key: string): Promise<unknown> {
  const type = await client.type(key);
  switch (type) {
    case 'string':
      return client.get(key);
    case 'hash':
      return client.hgetall(key);
    case 'list':
      return client.lrange(key, 0, -1);
    case 'set':
      return client.smembers(key);
    case 'zset':
      return client.zrange(key, '0', '-1');
    case 'stream':
      return client.xrange(key, '-', '+');
    case 'none': // it has expired since
      return null;
    default:
      throw new Error(`a key of the type ${type} was not looked into`);
  }
}

/** Every row of every table of this schema, as one text. */
export async function everythingInSchema(databaseUrl: string, schema: string): Promise<string> {
  const tables = await execute<{ name: string }>(
    databaseUrl,
    'select table_name as name from information_schema.tables where table_schema = $1',
    [schema],
  );
  const rows = await Promise.all(
    tables.map(({ name }) =>
      execute(databaseUrl, `select '${name}' as "table", to_jsonb(t) as row from ${schema}.${name} t`),
    ),
  );
  return JSON.stringify(rows.flat(), null, 1);
}
