--[[ Put a claimed task back where it was, without costing an attempt.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  stage
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, stage = unpack(ARGV)
local task = held(id, generation, agent, stage)
if not task then return {'stale'} end
leave(task)
if stage == 'work' then
  move_in(task, waiting_status(task), 'task.given_back', agent)
else
  enter(task, stage)
end
return {'ok'}
