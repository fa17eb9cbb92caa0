--[[ Stop a goal: from now on nothing of it starts, and answers that are under way change nothing.
  ARGV[1]  goal id
  ARGV[2]  number of the order; after a later one it changes nothing
  ARGV[3]  the record's epoch of the shard
  Returns  1 when it is stopped by this order, 0 when it is unknown here or a later order came. ]]

local goal, order = ARGV[1], ARGV[2]
demand_epoch(ARGV[3])
if not newest_order(goal, order) then return 0 end
redis.call('HSET', T .. ':g:' .. goal, 'paused', 1)
return 1
