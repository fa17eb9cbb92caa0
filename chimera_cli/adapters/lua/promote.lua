--[[ Queue what was delayed and is due, and unpark what was parked long enough.
  ARGV[1]  at most how many a stage
  Returns  how many. ]]

local promoted = 0
for _, stage in ipairs({'work', 'judge'}) do
  local delay, now = T .. ':' .. stage .. ':delay', now_ms()
  redis.call('ZREMRANGEBYSCORE', T .. ':' .. stage .. ':parked', '-inf', now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', delay, '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do
    redis.call('ZREM', delay, id)
    local task = load(id)
    if task and stage == 'work' and task.status == 'DELAYED' then
      move_in(task, waiting_status(task), 'task.queued', '')
    elseif task and stage == 'judge' and task.status == 'JUDGING' then
      enter(task, stage)
    end
    promoted = promoted + 1
  end
end
return promoted
