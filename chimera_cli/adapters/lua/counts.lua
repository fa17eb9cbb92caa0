--[[ Count what stands in the queues of one shard, in constant time a lane.
  Returns  {work waiting, work leased, work delayed, judge waiting, judge leased, judge delayed,
            age of the oldest of those that come next in each lane of workers [ms], -1 when none waits,
            {kind, how many wait for a worker, kind, how many, ...}, the shard's epoch,
            with which words a write is refused, or '',
            since when the server's clock is in doubt [ms], -1 when it is not, the last step [ms], its age [ms], -1 without one,
            what the server does when memory runs short, or '', how many keys it has evicted since it was started,
            {kind, how many of those that wait for a worker are approved and wait for their execution, kind, how many, ...}}. ]]

local NEXT = 4 -- Looked at of each lane. Of one goal the oldest comes first; in which order goals take their turns is chance.
local found, oldest, kinds, approved = {}, nil, {}, {}

local function note(stage, lane, waiting, at)
  if stage ~= 'work' then return end
  local kind, phase = string.match(lane, '^(.*):%a+(/?%a*)$')
  if kind then kinds[kind] = (kinds[kind] or 0) + waiting end
  if kind and phase == '/execute' then approved[kind] = (approved[kind] or 0) + waiting end
  if at and (not oldest or at < oldest) then oldest = at end
end

local function count_lane(stage, lane)
  local name, at = T .. ':' .. stage .. ':w:' .. lane, nil
  for _, id in ipairs(stage == 'work' and redis.call('ZRANGE', name, 0, NEXT - 1) or {}) do
    local since = tonumber(string.match(redis.call('HGET', task_key(id), 'entry') or '', '%-(%d+)$'))
    if since and (not at or since < at) then at = since end
  end
  local waiting = redis.call('ZCARD', name)
  note(stage, lane, waiting, at)
  return waiting
end

-- A lane of the older release, until promote.lua has moved what waits there.
local function count_stream(stage, lane)
  local stream = T .. ':' .. stage .. ':q:' .. lane
  local waiting, first = redis.call('XLEN', stream), redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  note(stage, lane, waiting, first and tonumber(string.match(first[1], '^(%d+)')))
  return waiting
end

for _, stage in ipairs({'work', 'judge'}) do
  local waiting = 0
  for _, lane in ipairs(redis.call('ZRANGE', T .. ':' .. stage .. ':turns', 0, -1)) do waiting = waiting + count_lane(stage, lane) end
  for _, lane in ipairs(redis.call('SMEMBERS', T .. ':' .. stage .. ':lanes')) do waiting = waiting + count_stream(stage, lane) end
  table.insert(found, waiting)
  table.insert(found, redis.call('ZCARD', T .. ':' .. stage .. ':lease'))
  table.insert(found, redis.call('ZCARD', T .. ':' .. stage .. ':delay'))
end
table.insert(found, oldest and math.max(0, now_ms() - oldest) or -1)
local function by_kind(counts)
  local listed = {}
  for kind, waiting in pairs(counts) do
    table.insert(listed, kind)
    table.insert(listed, waiting)
  end
  return listed
end
table.insert(found, by_kind(kinds))
table.insert(found, tonumber(epoch()))
-- Asked here, so that a look at the swarm costs no further round trip. It changes nothing.
local refused = refusal(false)
table.insert(found, refused and refused.err or '')
local clock = redis.call('HMGET', T .. ':clock', 'since', 'step', 'stepped')
table.insert(found, clock[1] and math.max(0, server_ms() - tonumber(clock[1])) or -1)
table.insert(found, tonumber(clock[2] or 0))
table.insert(found, clock[3] and math.max(0, now_ms() - tonumber(clock[3])) or -1)
-- The stand-in for Redis has no INFO.
local function told(section, pattern)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and string.match(text, pattern) or ''
end
table.insert(found, told('memory', 'maxmemory_policy:([%w-]+)'))
table.insert(found, tonumber(told('stats', 'evicted_keys:(%d+)')) or 0)
table.insert(found, by_kind(approved))
return found
