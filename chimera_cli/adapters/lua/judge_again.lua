--[[ Have an approved result judged again: its approval is not signed as it must be. Its changes were committed when it was approved.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  why
  ARGV[5]  1 when a person must see it
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, why, always = unpack(ARGV)
local task = held(id, generation, agent, 'work')
if not task or task.phase ~= 'execute' then return {'stale'} end
leave(task)
local mergeable = task.mergeable == '1' and '1' or '0'
local data = redis.call('HMGET', task_key(id), 'output', 'usage')
redis.call('HDEL', task_key(id), 'judgement', 'digest', 'approved', 'seal', 'policy', 'rubric', 'outages:work')
move_in(task, 'JUDGING', 'task.judging', agent,
  {'error', why, 'output', data[1] or 'null', 'usage', data[2] or 'null', 'held', '[]', 'executes', '1', 'mergeable', mergeable,
   'always', always},
  {'phase', 'propose', 'changes', '[]', 'executes', '1', 'always', always, 'fail:judge', '0', 'lost:judge', '0', 'alone:judge', '0'})
return {'ok'}
