--[[ Put a task, or a result that could not be judged, back until its delay has passed.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  stage
  ARGV[5]  delay [ms]
  ARGV[6]  why
  ARGV[7]  1 when it costs an attempt
  ARGV[8]  '' for a failure of the work; 'outage' when one of our own servers was away; 'unrun' when, besides, no handler was begun
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, stage, delay, reason, costs, cause = unpack(ARGV)
local task = held(id, generation, agent, stage)
if not task then return {'stale'} end
leave(task)
if costs == '1' then redis.call('HINCRBY', task_key(id), 'fail:' .. stage, 1) end
if cause == '' then
  redis.call('HDEL', task_key(id), 'outages:' .. stage)
else
  redis.call('HINCRBY', task_key(id), 'outages:' .. stage, 1)
end
if stage == 'work' then
  local told = cause == 'unrun' and {'error', reason, 'ran', '0'} or {'error', reason}
  move(task, 'DELAYED', 'task.delayed', agent, told, costs == '1' and {'begin', '1'} or nil)
end
redis.call('ZADD', T .. ':' .. stage .. ':delay', now_ms() + tonumber(delay), id)
return {'ok'}
