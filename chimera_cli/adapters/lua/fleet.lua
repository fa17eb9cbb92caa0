--[[ List the processes with the age of their last beat. KEYS[1] is the fleet's tag.
  Returns  a list of {process id, age [ms], JSON of the last beat, how long its event loop stands still [ms] or ''}. ]]

local now, found = now_ms(), {}
local beats = redis.call('ZRANGE', T .. ':beats', 0, -1, 'WITHSCORES')
for i = 1, #beats, 2 do
  local beat = redis.call('HGET', T .. ':fleet', beats[i])
  if beat then table.insert(found, {beats[i], math.max(0, now - tonumber(beats[i + 1])), beat, redis.call('HGET', T .. ':stalled', beats[i]) or ''}) end
end
return found
