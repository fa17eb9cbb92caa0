--[[ Take back what abandoned leases held; nothing during the grace after an interruption, which was not the agents' fault.
  ARGV[1]  expired leases after which a task counts as poison
  ARGV[2]  at most how many a stage
  ARGV[3]  how long nothing is taken back from now on [ms], by a process that saw writes refused; 0 leaves the grace as it is
  Returns  how many. ]]

local cap, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local reaped = 0
-- Leases lapsed while they could not be prolonged: each living agent gets the time to do so.
if tonumber(ARGV[3]) > 0 then spare(ARGV[3]) end
local none = spared()

for _, stage in ipairs({'work', 'judge'}) do
  local lease = T .. ':' .. stage .. ':lease'
  local expired = none and {} or redis.call('ZRANGEBYSCORE', lease, '-inf', now_ms(), 'LIMIT', 0, limit)
  for _, id in ipairs(expired) do
    redis.call('ZREM', lease, id)
    local task = load(id)
    if task and stage == 'work' and task.status == 'RUNNING' then
      take_back(task, cap, 'task.taken_over', '', 'lease of ' .. task.agent .. ' expired', '')
    elseif task and stage == 'judge' and task.status == 'JUDGING' then
      -- A result is never failed for its judge: a judge that sees a high count holds it for a person.
      count_loss(task, 'judge', cap)
      enter(task, 'judge')
    end
    reaped = reaped + 1
  end
end
settle(SETTLE_AT_ONCE)
return reaped
