--[[ Take back what agents hold of a paused goal, without costing an attempt: a part of the leases, from the last to end on.
  ARGV[1]  goal id
  ARGV[2]  stage
  ARGV[3]  how many leases, counted from the last to end, were looked at before
  ARGV[4]  how many to look at
  ARGV[5]  operator
  ARGV[6]  why
  Returns  {how many were looked at, how many of them were taken back}. ]]

local goal, stage, seen, limit, operator, why = unpack(ARGV)
if not paused(goal) then return {0, 0} end
local taken = 0
local found = redis.call('ZRANGE', T .. ':' .. stage .. ':lease', -(seen + limit), -(seen + 1))
for _, id in ipairs(found) do
  local task = load(id)
  if task and task.goal == goal then
    leave(task)
    if stage == 'work' then move(task, waiting_status(task), 'task.recalled', operator, {'error', why}) end
    enter(task, stage)
    taken = taken + 1
  end
end
return {#found, taken}
