import type { Cluster, Redis } from 'ioredis';
import { QUEUE_PREFIX } from '#shared/contract/seed-job.ts';
import { RunId, SeedId, TenantId } from '#shared/contract/ids.ts';
import { ADMIT, DUE, LEAVE, LEAVE_TENANTS, PARK, RESERVE, SLOW_DOWN, TAKE, type Script } from './redis-slot-scripts.ts';
import {
  PACE,
  type Admitted,
  type Budget,
  type Parked,
  type Slot,
  type SlotBook,
  type Taken,
  type Waiting,
} from './slot-book.ts';

/** Keys share the queue's hash tag, so that in a cluster they share its node. */
const KEY = `${QUEUE_PREFIX}:pacing`;
const DUE_DOMAINS = `${KEY}:due`;

/** Where the queue lives in Redis. The caller owns the connection. */
export function createRedisSlotBook(redis: Redis | Cluster): SlotBook {
  const run = (script: Script, keys: readonly string[], args: (string | number)[]) =>
    evaluate(redis, script, keys, args);

  async function domainsThatAreDue() {
    const [waiting, ...domains] = (await run(DUE, [DUE_DOMAINS], [])) as [number, ...string[]];
    return { waiting: waiting > 0, domains };
  }

  async function upNextOf(domain: string): Promise<Parked[]> {
    const members = await redis.zrange(keysOf(domain).parked, 0, `${PACE.upNext - 1}`);
    return members.map((member) => ({ ...parseMember(member), domain }));
  }

  async function admitTo(domain: string): Promise<Admitted[]> {
    const flat = (await run(ADMIT, allKeysOf(domain), [domain])) as string[];
    return Array.from({ length: flat.length / 2 }, (_, at) => ({
      ...parseMember(flat[2 * at] ?? ''),
      domain,
      waitMs: Number(flat[2 * at + 1]),
    }));
  }

  async function knownIn(domain: string, seeds: readonly Parked[]): Promise<Parked[]> {
    const { parked, admitted } = keysOf(domain);
    const members = seeds.map(memberOf);
    const scores = await Promise.all([parked, admitted].map((key) => redis.zmscore(key, members)));
    return seeds.filter((_, at) => scores.some((of) => of[at] !== null));
  }

  return {
    async reserve({ domain, perSecond }, seed) {
      const reply = await run(RESERVE, allKeysOf(domain), [domain, perSecond, memberOf(seed)]);
      const [kind, waitMs] = reply as [Slot['kind'], string];
      return { kind, waitMs: Number(waitMs) };
    },
    async park(seed) {
      await run(PARK, allKeysOf(seed.domain), [seed.domain, memberOf(seed)]);
    },
    async take({ domain, perSecond }, withinMs) {
      const { state, parked } = keysOf(domain);
      const [kind, ms] = (await run(TAKE, [state, parked], [perSecond, withinMs])) as [Taken['kind'], string];
      return kind === 'taken' ? { kind, waitMs: Number(ms) } : { kind, askAgainMs: Number(ms) };
    },
    async slowDown({ domain, perSecond }: Budget) {
      return (await run(SLOW_DOWN, [keysOf(domain).state], [perSecond])) === 1;
    },
    async upNext() {
      const { waiting, domains } = await domainsThatAreDue();
      return { waiting, parked: (await Promise.all(domains.map(upNextOf))).flat() };
    },
    async admit() {
      const { domains } = await domainsThatAreDue();
      return (await Promise.all(domains.map(admitTo))).flat();
    },
    async leave(parked) {
      const byDomain = Map.groupBy(parked, (seed) => seed.domain);
      await Promise.all(
        [...byDomain].map(([domain, seeds]) => {
          const { turns, parked: waiting, admitted } = keysOf(domain);
          return run(LEAVE, [turns, waiting, admitted], seeds.map(memberOf));
        }),
      );
    },
    async knownOf(seeds) {
      const byDomain = Map.groupBy(seeds, (seed) => seed.domain);
      const known = await Promise.all([...byDomain].map(([domain, of]) => knownIn(domain, of)));
      return new Set(known.flat().map(({ seedId }) => seedId));
    },
    async leaveTenants(domain, tenants, limit) {
      const { turns, parked } = keysOf(domain);
      const members = (await run(LEAVE_TENANTS, [turns, parked], [limit, ...tenants])) as string[];
      return members.map(parseMember);
    },
  };
}

function keysOf(domain: string) {
  const key = `${KEY}:${domain}`;
  return { state: key, turns: `${key}:turns`, parked: `${key}:parked`, admitted: `${key}:admitted` };
}

/** In the order in which the scripts take them. */
function allKeysOf(domain: string): string[] {
  const { state, turns, parked, admitted } = keysOf(domain);
  return [state, turns, parked, admitted, DUE_DOMAINS];
}

/** The scripts read the tenant out of it. */
function memberOf({ run, seedId, tenant }: Waiting): string {
  return `${run}:${seedId}:${tenant}`;
}

function parseMember(member: string): Waiting {
  const [run, seedId, tenant] = member.split(':');
  return { run: RunId.parse(Number(run)), seedId: SeedId.parse(Number(seedId)), tenant: TenantId.parse(tenant) };
}

async function evaluate(
  redis: Redis | Cluster,
  { sha, text }: Script,
  keys: readonly string[],
  args: (string | number)[],
) {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return redis.eval(text, keys.length, ...keys, ...args); // first use, or Redis was restarted
  }
}
