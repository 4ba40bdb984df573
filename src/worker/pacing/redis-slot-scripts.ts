import { createHash } from 'node:crypto';
import { PACE } from './slot-book.ts';

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * KEYS[1] is the domain: a hash of its budget, the next free slot, the next one that is kept for what cannot be parked, and
 * the turn that was served last. Replicated by its effects, as every script since Redis 5, so it may ask for the time.
 */
const DOMAIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local function open(rate)
  local f = redis.call('HMGET', KEYS[1], 'rate', 'rateAt', 'slowed', 'slowedAt', 'next', 'turn', 'kept')
  local d = { rate = tonumber(f[1]) or rate or 1, rateAt = tonumber(f[2]) or 0, slowed = tonumber(f[3]) or 1,
              slowedAt = tonumber(f[4]) or 0, next = tonumber(f[5]) or now, turn = tonumber(f[6]) or 0,
              kept = tonumber(f[7]) or 0 }
  if rate and (rate <= d.rate or d.rateAt < now - ${PACE.budgetHolds}) then d.rate, d.rateAt = rate, now end
  local recovering = math.max(0, now - d.slowedAt - ${PACE.slowedFor}) / 1000
  d.factor = math.min(1, d.slowed + recovering * ${PACE.recoveryPerSecond})
  d.interval = 1000 / (d.rate * d.factor)
  local farthest = now + ${PACE.farthest} + ${PACE.keptOneIn} * d.interval
  d.next, d.kept = math.min(math.max(d.next, now), farthest), math.min(d.kept, farthest)
  d.keeping = d.kept > now - ${PACE.keptFor}
  d.step = d.keeping and d.interval * ${PACE.keptOneIn / (PACE.keptOneIn - 1)} or d.interval
  return d
end

-- Nobody is parked: what was taken of the slots that are to come counts against all.
local function keepNone(d)
  d.next = d.next + math.max(0, d.kept - now) / ${PACE.keptOneIn}
  d.kept, d.keeping, d.step = 0, false, d.interval
end

local function close(d)
  redis.call('HSET', KEYS[1], 'rate', d.rate, 'rateAt', d.rateAt, 'slowed', d.slowed, 'slowedAt', d.slowedAt,
             'next', string.format('%.3f', d.next), 'turn', d.turn,
             'kept', string.format('%.3f', d.kept))
  redis.call('PEXPIRE', KEYS[1], 3600000)
end
`;

/**
 * Turns are a tenant's within one run: a release that takes over does not wait for those of the one before. Who leaves without
 * a slot gives its turn back.
 */
const OWNERS_OF_TURNS = `
local function ownerOf(member)
  return (string.gsub(member, '^(%d+):%d+:', '%1:'))
end

local function giveBack(turns, member)
  local owner = ownerOf(member)
  if redis.call('HEXISTS', turns, owner) == 1 then redis.call('HINCRBY', turns, owner, -1) end
end
`;

/** KEYS: domain, turns of its tenants, parked by turn, admitted by slot, domains by when they have slots to give. */
const WAITING = `${OWNERS_OF_TURNS}
local TURNS, PARKED, ADMITTED, DUE = KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function due(name, at)
  local known = tonumber(redis.call('ZSCORE', DUE, name))
  if not known or at < known then redis.call('ZADD', DUE, at, name) end
end

local function park(d, member)
  local owner = ownerOf(member)
  local turn = math.max(d.turn, tonumber(redis.call('HGET', TURNS, owner)) or 0) + 1
  redis.call('HSET', TURNS, owner, turn)
  redis.call('PEXPIRE', TURNS, 3600000)
  redis.call('ZADD', PARKED, turn, member)
end
`;

/** ARGV: name of the domain, requests per second, member. */
export const RESERVE = script(`${DOMAIN}${WAITING}
local name, member = ARGV[1], ARGV[3]
local d = open(tonumber(ARGV[2]))
local had = tonumber(redis.call('ZSCORE', ADMITTED, member))
local comes = had and had > now - ${PACE.late}
if comes then close(d) end -- who comes back for its slot names the budget as well
if comes and had > now + ${PACE.near} then return { 'later', tostring(had - now) } end
if had then redis.call('ZREM', ADMITTED, member) end
if comes then return { 'soon', tostring(math.max(0, had - now)) } end

local parked = redis.call('EXISTS', PARKED) == 1
if not parked then keepNone(d) end
if had or (d.next <= now + ${PACE.horizon} and not parked) then
  local slot = d.next
  d.next = slot + d.step
  close(d)
  -- Who came too late had no free worker, and may not find one in time again: it waits where it is.
  if had or slot <= now + ${PACE.near} then return { 'soon', tostring(slot - now) } end
  redis.call('ZADD', ADMITTED, slot, member)
  due(name, slot + ${PACE.missed})
  return { 'later', tostring(slot - now) }
end

close(d)
return { 'full', '0' }
`);

/** ARGV: name of the domain, member. */
export const PARK = script(`${DOMAIN}${WAITING}
local d = open(nil)
if not redis.call('ZSCORE', PARKED, ARGV[2]) then park(d, ARGV[2]) end
due(ARGV[1], d.next - ${PACE.horizon / 2})
`);

/** KEYS: domain, parked by turn. ARGV: requests per second, how far away a slot may be. */
export const TAKE = script(`${DOMAIN}
local within = tonumber(ARGV[2])
local d = open(tonumber(ARGV[1]))
local parked = redis.call('EXISTS', KEYS[2]) == 1
if not parked then keepNone(d) end
local slot = d.keeping and math.max(d.kept, now) or d.next
if slot > now + within then
  close(d)
  return { 'too-far', tostring(slot - now - within) }
end
if not d.keeping then d.next = slot + d.interval end
if parked then d.kept = slot + d.interval * ${PACE.keptOneIn} end
close(d)
return { 'taken', tostring(slot - now) }
`);

/** ARGV: requests per second. Returns 1 where it was the slowest already. */
export const SLOW_DOWN = script(`${DOMAIN}
local d = open(tonumber(ARGV[1]))
if d.slowedAt >= now - ${PACE.sameThrottle} then return 0 end
local wasSlowest = d.factor <= ${PACE.slowest}
d.slowed, d.slowedAt = math.max(${PACE.slowest}, d.factor / 2), now
close(d)
return wasSlowest and 1 or 0
`);

/** KEYS: domains by when they have slots to give. Returns how many there are, and the names of those that do. */
export const DUE = script(`
local time = redis.call('TIME')
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time[1] * 1000 + time[2] / 1000)
table.insert(names, 1, redis.call('ZCARD', KEYS[1]))
return names
`);

/** ARGV: name of the domain. Returns members and the milliseconds until their slots, in turn. */
export const ADMIT = script(`${DOMAIN}${WAITING}
local name = ARGV[1]
local d = open(nil)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', ADMITTED, '-inf', now - ${PACE.missed})) do
  redis.call('ZREM', ADMITTED, member)
  park(d, member)
end

local admitted = {}
while d.next <= now + ${PACE.horizon} do
  local popped = redis.call('ZPOPMIN', PARKED)
  if #popped == 0 then break end
  redis.call('ZADD', ADMITTED, d.next, popped[1])
  table.insert(admitted, popped[1])
  table.insert(admitted, tostring(d.next - now))
  d.turn = math.max(d.turn, tonumber(popped[2]))
  d.next = d.next + d.step
end

local first = redis.call('ZRANGE', ADMITTED, 0, 0, 'WITHSCORES')
if redis.call('EXISTS', PARKED) == 1 then
  redis.call('ZADD', DUE, d.next - ${PACE.horizon / 2}, name)
else
  redis.call('DEL', TURNS) -- all of them were served
  if #first > 0 then redis.call('ZADD', DUE, first[2] + ${PACE.missed}, name) else redis.call('ZREM', DUE, name) end
end
close(d)
return admitted
`);

/** KEYS: turns, parked, admitted. ARGV: members. */
export const LEAVE = script(`${OWNERS_OF_TURNS}
for _, member in ipairs(ARGV) do
  if redis.call('ZREM', KEYS[2], member) == 1 then giveBack(KEYS[1], member) end
  redis.call('ZREM', KEYS[3], member)
end
`);

/** KEYS: turns, parked. ARGV: how many, tenants. Returns the members that left, from the last turn on. */
export const LEAVE_TENANTS = script(`${OWNERS_OF_TURNS}
local limit, theirs = tonumber(ARGV[1]), {}
for at = 2, #ARGV do theirs[ARGV[at]] = true end

local left, seen = {}, 0
repeat
  local members = redis.call('ZREVRANGE', KEYS[2], seen, seen + 999)
  for _, member in ipairs(members) do
    if #left < limit and theirs[string.match(member, '^%d+:%d+:(.*)$')] then table.insert(left, member) end
  end
  seen = seen + #members
until #members == 0 or #left == limit
for _, member in ipairs(left) do
  redis.call('ZREM', KEYS[2], member)
  giveBack(KEYS[1], member)
end
return left
`);

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
