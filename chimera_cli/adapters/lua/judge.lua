--[[ Carry out the gate's decision on a judged result.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  route: approve, review or reject
  ARGV[5]  judgement (JSON)
  ARGV[6]  digest of what was judged
  ARGV[7]  policy version
  ARGV[8]  rubric version
  ARGV[9]  the reasons, in one text
  ARGV[10] the seal (JSON) that vouches for an approval, or ''
  Returns  {'ok'} or {'stale'}. ]]

local id, generation, agent, route, judgement, digest, policy, rubric, reasons, seal = unpack(ARGV)
local task = held(id, generation, agent, 'judge')
if not task then return {'stale'} end
if route == 'approve' then demand_approvable(task) end
leave(task)
set(task, 'judgement', judgement, 'digest', digest, 'policy', policy, 'rubric', rubric)
if route == 'approve' then
  approve(task, agent, seal)
elseif route == 'review' then
  local data = redis.call('HMGET', task_key(id), 'output', 'usage')
  move(task, 'NEEDS_REVIEW', 'task.held', agent, {'output', data[1], 'usage', data[2], 'judgement', judgement})
else
  redis.call('HINCRBY', task_key(id), 'revisions', 1)
  redis.call('HDEL', task_key(id), 'output', 'changes', 'digest', 'approved', 'seal', 'policy', 'rubric', 'outages:work',
    'outages:judge')
  move_in(task, 'QUEUED', 'task.revised', agent, {'error', reasons, 'judgement', judgement}, {'feedback', reasons})
end
settle(SETTLE_AT_ONCE)
return {'ok'}
