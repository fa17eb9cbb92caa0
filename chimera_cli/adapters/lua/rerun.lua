--[[ Have a running task make its result again from fresh state after a version conflict.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  why
  ARGV[5]  delay [ms]
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, reason, delay = unpack(ARGV)
local task = held(id, generation, agent, 'work')
if not task or task.phase == 'execute' then return {'stale'} end
leave(task)
run_again(task, agent, reason, tonumber(delay))
return {'ok'}
