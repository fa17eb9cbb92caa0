--[[ End the phase of a running task and commit its changes.
  ARGV[1]  task id
  ARGV[2]  generation
  ARGV[3]  agent
  ARGV[4]  output (JSON text)
  ARGV[5]  changes (JSON, see transition.lua)
  ARGV[6]  approved digest, for an execution
  ARGV[7]  usage (JSON)
  ARGV[8]  idempotency keys of what was put into the outbox (JSON), or ''
  Returns  {'ok'}, {'stale'} or {'conflict', key, expected, actual}. ]]

local id, generation, agent, output, changes, digest, usage, posts = unpack(ARGV)
local task = held(id, generation, agent, 'work')
if not task then return {'stale'} end
if task.phase ~= 'propose' and task.approved ~= task.digest then return {'stale'} end
if task.phase == 'execute' and digest ~= task.approved then return {'stale'} end
local found = conflict(task.goal, changes)
if found then return found end
commit(task.goal, changes)
if task.phase == 'merge' then
  leave(task)
  carry_on(task, agent, changes)
else
  local told = {'output', output, 'changes', changes, 'usage', usage}
  if task.phase == 'execute' then
    table.insert(told, 'digest')
    table.insert(told, cjson.encode(digest))
  end
  if posts ~= '' then
    table.insert(told, 'posts')
    table.insert(told, posts)
  end
  end_task(task, 'COMPLETED', 'task.completed', agent, told, {'output', output})
end
settle(SETTLE_AT_ONCE)
return {'ok'}
