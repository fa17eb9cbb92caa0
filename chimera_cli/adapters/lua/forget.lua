--[[ Drop what is still held of ended tasks and goals, once their ends are recorded; a task that lives again stays.
  ARGV[1]  JSON list of task ids
  ARGV[2]  JSON list of goal ids
  ARGV[3]  turn
  Returns  how many tasks were dropped, or -1 when somebody has come with a later turn, and nothing was done. A task whose children are not all told yet is dropped by settle. ]]

if not take_turn(ARGV[3]) then return -1 end
local dropped = 0
for _, id in ipairs(cjson.decode(ARGV[1])) do
  local task = load(id)
  if task and TERMINAL[task.status] then
    if redis.call('EXISTS', T .. ':c:' .. id) == 1 then
      redis.call('HSET', task_key(id), 'recorded', 1)
    else
      redis.call('DEL', task_key(id))
      dropped = dropped + 1
    end
  end
end
for _, goal in ipairs(cjson.decode(ARGV[2])) do
  redis.call('DEL', T .. ':g:' .. goal, T .. ':s:' .. goal)
end
return dropped
