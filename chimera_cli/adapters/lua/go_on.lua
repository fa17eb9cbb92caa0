--[[ Let a paused goal go on: what was set aside waits in its lanes again, a bounded part a call.
  ARGV[1]  goal id
  ARGV[2]  number of the order; after a later one it changes nothing
  ARGV[3]  at most how many a stage
  ARGV[4]  the record's epoch of the shard
  Returns  how many entered a lane. ]]

local goal, order, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
demand_epoch(ARGV[4])
if not newest_order(goal, order) then return 0 end
redis.call('HDEL', T .. ':g:' .. goal, 'paused')
local entered = 0
for _, stage in ipairs({'work', 'judge'}) do
  local aside = T .. ':' .. stage .. ':aside:' .. goal
  for _, id in ipairs(redis.call('ZRANGE', aside, 0, limit - 1)) do
    redis.call('ZREM', aside, id)
    local task = load(id)
    if task and task.entry == 'aside' then enter(task, stage) end
    entered = entered + 1
  end
end
return entered
