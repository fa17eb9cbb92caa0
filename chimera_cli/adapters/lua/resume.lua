--[[ Carry out a person's decision on a held result.
  ARGV[1]  task id
  ARGV[2]  generation under which it was held
  ARGV[3]  digest of what was decided on
  ARGV[4]  decision: approve or reject
  ARGV[5]  operator
  ARGV[6]  the operator's reason
  Returns  {'ok'}, also when it was carried out before, or {'stale'} when the task no longer waits for this very result. ]]

local id, generation, digest, decision, operator, reason = unpack(ARGV)
local task = load(id)
local claim = generation .. ':' .. digest
if task and redis.call('HGET', task_key(id), 'resumed') == claim then return {'ok'} end
if not task or task.status ~= 'NEEDS_REVIEW' or task.gen ~= generation or task.digest ~= digest then return {'stale'} end
set(task, 'resumed', claim)
if decision == 'approve' then
  approve(task, operator)
else
  end_task(task, 'REJECTED', 'task.rejected', operator, {'error', reason})
end
settle(SETTLE_AT_ONCE)
return {'ok'}
