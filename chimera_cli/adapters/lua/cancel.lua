--[[ End live tasks as CANCELLED, wherever they stand.
  ARGV[1]  JSON list of task ids
  ARGV[2]  operator
  ARGV[3]  why
  Returns  for each task: ok when it is CANCELLED, now or before; ended when it had ended otherwise; or unknown. ]]

local operator, why = ARGV[2], ARGV[3]
local replies = {}
for i, id in ipairs(cjson.decode(ARGV[1])) do
  local task = load(id)
  if not task then
    replies[i] = 'unknown'
  elseif TERMINAL[task.status] then
    replies[i] = task.status == 'CANCELLED' and 'ok' or 'ended'
  else
    end_task(task, 'CANCELLED', 'task.cancelled', operator, {'error', why})
    replies[i] = 'ok'
  end
end
settle(SETTLE_AT_ONCE)
return replies
