--[[ End tasks and goals that a shard restored from an old copy still has, and whose end is recorded.
  ARGV[1]  run id that was seen before the comparison
  ARGV[2]  turn
  ARGV[3]  JSON list of [task id, status, version, output (JSON text)]
  ARGV[4]  JSON list of goal ids
  Returns  how many tasks were ended, or -1 when the server, or whoever compares, has changed meanwhile, and nothing was done. ]]

local run, turn, tasks, goals = unpack(ARGV)
if not unvouched_still(run, turn) then return -1 end
local ended = 0
for _, row in ipairs(cjson.decode(tasks)) do
  local id, status, version, output = unpack(row)
  local task = load(id)
  if task and not TERMINAL[task.status] and tonumber(task.version) <= version then
    conclude(task, status, version, output)
    ended = ended + 1
  end
end
for _, goal in ipairs(cjson.decode(goals)) do
  redis.call('DEL', T .. ':g:' .. goal, T .. ':s:' .. goal)
end
return ended
