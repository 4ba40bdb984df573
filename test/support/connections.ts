import { Redis } from 'ioredis';
import pg from 'pg';

/** Disposing of it ends its own connections. */
export interface ConnectionWatch extends AsyncDisposable {
  /** The most that were seen at once, by `application_name`, or `redis`. */
  most(): Promise<Readonly<Record<string, number>>>;
}

/** Counts the connections of rolecall to this database, and to this Redis, several times a second. */
export async function watchConnections(databaseUrl: string, redisUrl?: string): Promise<ConnectionWatch> {
  const postgres = new pg.Client({ connectionString: databaseUrl });
  await postgres.connect();
  const redis = redisUrl === undefined ? null : new Redis(redisUrl);
  const most: Record<string, number> = {};
  const count = async () => {
    const { rows } = await postgres.query<{ name: string; count: number }>(
      `select application_name as name, count(*)::int as count from pg_stat_activity
       where datname = current_database() and application_name like 'rolecall%' group by 1`,
    );
    const clients = redis === null ? [] : [{ name: 'redis', count: othersOf(`${await redis.client('LIST')}`, redis) }];
    for (const each of [...rows, ...clients]) most[each.name] = Math.max(most[each.name] ?? 0, each.count);
  };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const timer = setInterval(() => void count().catch(failed.reject), 200);
  return {
    async most() {
      await Promise.race([count(), failed.promise]);
      return { ...most };
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      redis?.disconnect();
      await postgres.end();
    },
  };
}

/** The clients of the same database, without the one that asks. */
function othersOf(list: string, { options }: Redis): number {
  return list.split('\n').filter((line) => line.includes(` db=${options.db} `)).length - 1;
}
