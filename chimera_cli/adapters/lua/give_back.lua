--[[ Put a claimed task back where it was, without costing an attempt.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  stage
  ARGV[5]  'unbegun'; 'drained' (its process was told to stop while it ran); 'broken' (its process was broken from within)
  ARGV[6]  deliveries without an answer after which a task counts as poison
  ARGV[7]  drains after which a task that ran in all of them is ended
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, stage, why, cap, drain_cap = unpack(ARGV)
local task = held(id, generation, agent, stage)
if not task then return {'stale'} end

-- Whether a task was running in one drain too many.
local function drained_too_often()
  if why ~= 'drained' then return false end
  return redis.call('HINCRBY', task_key(id), 'drained:work', 1) >= tonumber(drain_cap)
end

if stage == 'judge' then
  -- A result is never failed for its judge.
  if why == 'broken' then count_loss(task, stage, tonumber(cap)) end
  leave(task)
  enter(task, stage)
elseif why == 'broken' then
  local broken = 'the event loop of its process was stopped or cancelled from within'
  take_back(task, tonumber(cap), 'task.given_back', agent, broken, ': ' .. broken)
elseif drained_too_often() then
  local said = 'its process was told to stop ' .. drain_cap .. ' times while it ran, and it was not done in time'
  end_task(task, 'FAILED', 'task.failed', agent, {'error', said .. ': it may be what stops it, or need a longer --drain-timeout'})
else
  leave(task)
  move_in(task, waiting_status(task), 'task.given_back', agent)
end
if why ~= 'unbegun' then settle(SETTLE_AT_ONCE) end
return {'ok'}
