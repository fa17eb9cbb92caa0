--[[ Take back what abandoned leases held.
  ARGV[1]  expired leases after which a task counts as poison
  ARGV[2]  at most how many a stage
  Returns  how many. ]]

local cap, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local reaped = 0

local function take_back(task)
  local lost = redis.call('HINCRBY', task_key(task.id), 'lost:work', 1)
  if lost >= cap then
    end_task(task, 'FAILED', 'task.failed', '', {'error', 'its agent vanished ' .. lost .. ' times, at last ' .. task.agent})
  else
    leave(task)
    move(task, waiting_status(task), 'task.taken_over', '', {'error', 'lease of ' .. task.agent .. ' expired'})
    enter(task, 'work')
  end
end

for _, stage in ipairs({'work', 'judge'}) do
  local lease = T .. ':' .. stage .. ':lease'
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', lease, '-inf', now_ms(), 'LIMIT', 0, limit)) do
    redis.call('ZREM', lease, id)
    local task = load(id)
    if task and stage == 'work' and task.status == 'RUNNING' then
      take_back(task)
    elseif task and stage == 'judge' and task.status == 'JUDGING' then
      -- A result is never failed for its judge: a judge that sees a high count holds it for a person.
      redis.call('HINCRBY', task_key(id), 'lost:judge', 1)
      enter(task, 'judge')
    end
    reaped = reaped + 1
  end
end
settle(SETTLE_AT_ONCE)
return reaped
