--[[ End live tasks as CANCELLED, wherever they stand.
  ARGV[1]  JSON list of [task id, the life that is meant; -1 for whichever there is]
  ARGV[2]  operator
  ARGV[3]  why
  ARGV[4]  the record's epoch of the shard
  Returns  for each task: ok when it is CANCELLED, now or before; ended when it had ended otherwise, or was put back since: then
           the order is about a life that is over; or unknown, also when what is here is still an earlier life. ]]

local operator, why = ARGV[2], ARGV[3]

local function cancel(id, life)
  local task = load(id)
  local held = task and tonumber(task.life) or 0
  if not task or held < life then return 'unknown' end
  if life >= 0 and held > life then return 'ended' end
  if TERMINAL[task.status] then return task.status == 'CANCELLED' and 'ok' or 'ended' end
  end_task(task, 'CANCELLED', 'task.cancelled', operator, {'error', why})
  return 'ok'
end

demand_epoch(ARGV[4])
local replies = {}
for i, pair in ipairs(cjson.decode(ARGV[1])) do replies[i] = cancel(pair[1], pair[2]) end
settle(SETTLE_AT_ONCE)
return replies
