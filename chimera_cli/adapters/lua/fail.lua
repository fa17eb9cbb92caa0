--[[ End a task as FAILED.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  stage
  ARGV[5]  why
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, stage, reason = unpack(ARGV)
local task = held(id, generation, agent, stage)
if not task then return {'stale'} end
end_task(task, 'FAILED', 'task.failed', agent, {'error', reason})
settle(SETTLE_AT_ONCE)
return {'ok'}
