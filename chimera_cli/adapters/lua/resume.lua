--[[ Carry out a person's decision on a held result.
  ARGV[1]  task id
  ARGV[2]  generation under which it was held
  ARGV[3]  digest of what was decided on
  ARGV[4]  decision: approve or reject
  ARGV[5]  operator
  ARGV[6]  the operator's reason
  Returns  {'ok'}, or {'stale'} when the task no longer waits for this very result. ]]

local id, generation, digest, decision, operator, reason = unpack(ARGV)
local task = load(id)
if not task or task.status ~= 'NEEDS_REVIEW' or task.gen ~= generation or task.digest ~= digest then return {'stale'} end
if decision == 'approve' then
  approve(task, operator)
else
  end_task(task, 'REJECTED', 'task.rejected', operator, {'error', reason})
end
settle(SETTLE_AT_ONCE)
return {'ok'}
