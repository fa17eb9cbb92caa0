--[[ End a live task as CANCELLED, wherever it stands.
  ARGV[1]  task id
  ARGV[2]  why
  Returns  {'ok'}, or {'stale'} when it has ended or is unknown. ]]

local task = load(ARGV[1])
if not task or TERMINAL[task.status] then return {'stale'} end
end_task(task, 'CANCELLED', 'task.cancelled', '', {'error', ARGV[2]})
settle(SETTLE_AT_ONCE)
return {'ok'}
