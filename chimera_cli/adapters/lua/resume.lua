--[[ Carry out what was decided on a held result.
  ARGV[1]  task id
  ARGV[2]  generation under which it was held
  ARGV[3]  digest of what was decided on
  ARGV[4]  decision: approve, reject, expire (nobody decided in time) or judge (what was shown is stale, so it is judged again)
  ARGV[5]  operator
  ARGV[6]  the reason
  ARGV[7]  the record's epoch of the shard
  ARGV[8]  the seal (JSON) that vouches for an approval, or ''
  Returns  {'done'}, also when it was carried out before; {'again'} when an approved result has to be made again;
           {'late'} when the task no longer waits under this claim; {'other'} when it holds another result than the one decided
           on, which is then judged again; {'paused'} when an approval has to wait until the goal goes on. ]]

local function judge_again(task, agent, why)
  redis.call('HDEL', task_key(task.id), 'judgement', 'digest', 'approved', 'seal', 'policy', 'rubric')
  move_in(task, 'JUDGING', 'task.rejudged', agent, {'error', why}, {'fail:judge', '0', 'lost:judge', '0', 'alone:judge', '0'})
end

local id, generation, digest, decision, operator, reason, known, seal = unpack(ARGV)
demand_epoch(known)
local task = load(id)
local claim = generation .. ':' .. digest
if task and redis.call('HGET', task_key(id), 'resumed') == claim then return {'done'} end
if not task or task.status ~= 'NEEDS_REVIEW' or task.gen ~= generation then return {'late'} end
if decision == 'approve' and task.digest == digest and paused(task.goal) then return {'paused'} end
if decision == 'approve' and task.digest == digest then demand_approvable(task) end
set(task, 'resumed', claim)
local became = 'done'
if task.digest ~= digest then
  became = 'other'
  judge_again(task, '', 'the review card did not show what is held')
elseif decision == 'approve' then
  if approve(task, operator, seal) then became = 'again' end
elseif decision == 'reject' then
  end_task(task, 'REJECTED', 'task.rejected', operator, {'error', reason})
elseif decision == 'expire' then
  end_task(task, 'FAILED', 'task.failed', operator, {'error', reason})
else
  judge_again(task, operator, reason)
end
settle(SETTLE_AT_ONCE)
return {became}
