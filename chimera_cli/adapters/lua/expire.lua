--[[ Fail tasks whose deadline has passed, wherever they stand.
  ARGV[1]  at most how many
  Returns  how many. ]]

local expired = redis.call('ZRANGEBYSCORE', T .. ':deadline', '-inf', now_ms(), 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(expired) do
  redis.call('ZREM', T .. ':deadline', id)
  local task = load(id)
  if task and not TERMINAL[task.status] then
    end_task(task, 'FAILED', 'task.failed', '', {'error', 'its deadline passed while it was ' .. task.status})
  end
end
settle(SETTLE_AT_ONCE)
return #expired
