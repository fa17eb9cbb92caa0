--[[ Take back what agents hold of a paused goal, without costing an attempt: a part of the leases, from the last to end on.
  ARGV[1]  goal id
  ARGV[2]  stage
  ARGV[3]  look at leases that end before this [ms]; +inf at first
  ARGV[4]  at how many; a few more where several end at once
  ARGV[5]  operator
  ARGV[6]  why
  ARGV[7]  the record's epoch of the shard
  Returns  {before which to look next, '' when that was all, how many were taken back}.
  No lease of a paused goal is given or prolonged, so none of them moves; a count of places would, as others come and go. ]]

local goal, stage, last, limit, operator, why, known = unpack(ARGV)
demand_epoch(known)
if not paused(goal) then return {'', 0} end
local lease = T .. ':' .. stage .. ':lease'
local part = redis.call('ZRANGE', lease, '(' .. last, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, limit)
if #part == 0 then return {'', 0} end
local first = redis.call('ZSCORE', lease, part[#part])
local taken = 0
for _, id in ipairs(redis.call('ZRANGE', lease, '(' .. last, first, 'BYSCORE', 'REV')) do
  local task = load(id)
  if task and task.goal == goal then
    leave(task)
    if stage == 'work' then
      move_in(task, waiting_status(task), 'task.recalled', operator, {'error', why})
    else
      enter(task, stage)
    end
    taken = taken + 1
  end
end
return {first, taken}
