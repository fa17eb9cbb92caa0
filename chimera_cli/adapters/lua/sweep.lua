--[[ Drop processes that have been silent for long. KEYS[1] is the fleet's tag.
  ARGV[1]  silence after which a process is dropped [ms]
  ARGV[2]  at most how many
  Returns  how many. ]]

local before = now_ms() - tonumber(ARGV[1])
local gone = redis.call('ZRANGEBYSCORE', T .. ':beats', '-inf', before, 'LIMIT', 0, tonumber(ARGV[2]))
for _, process in ipairs(gone) do
  redis.call('ZREM', T .. ':beats', process)
  redis.call('HDEL', T .. ':fleet', process)
  redis.call('HDEL', T .. ':stalled', process)
end
return #gone
