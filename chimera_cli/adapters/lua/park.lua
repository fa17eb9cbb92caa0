--[[ Stop claims of one kind at one stage for a while.
  ARGV[1]  task id, whose kind is meant
  ARGV[2]  stage
  ARGV[3]  how long [ms]
  Returns  {'ok'}. ]]

local task = load(ARGV[1])
local now = now_ms()
local parked = T .. ':' .. ARGV[2] .. ':parked'
redis.call('ZREMRANGEBYSCORE', parked, '-inf', now)
if task then redis.call('ZADD', parked, 'GT', now + tonumber(ARGV[3]), task.kind) end
return {'ok'}
