--[[ Count what stands in the queues of one shard, in constant time a lane.
  Returns  {work waiting, work leased, work delayed, judge waiting, judge leased, judge delayed,
            age of the oldest entry that waits for a worker [ms], -1 when none does, the shard's epoch}. ]]

local found, oldest = {}, nil
for _, stage in ipairs({'work', 'judge'}) do
  local waiting = 0
  for _, lane in ipairs(redis.call('SMEMBERS', T .. ':' .. stage .. ':lanes')) do
    local stream = T .. ':' .. stage .. ':q:' .. lane
    waiting = waiting + redis.call('XLEN', stream)
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    local at = first and tonumber(string.match(first[1], '^(%d+)'))
    if stage == 'work' and at and (not oldest or at < oldest) then oldest = at end
  end
  table.insert(found, waiting)
  table.insert(found, redis.call('ZCARD', T .. ':' .. stage .. ':lease'))
  table.insert(found, redis.call('ZCARD', T .. ':' .. stage .. ':delay'))
end
table.insert(found, oldest and math.max(0, now_ms() - oldest) or -1)
table.insert(found, tonumber(epoch()))
return found
