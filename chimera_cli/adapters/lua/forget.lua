--[[ Drop what is still held of ended tasks and goals, once their ends are recorded; a task that lives again stays.
  ARGV[1]  JSON list of task ids, at most some thousands: as many as Lua passes to one command
  ARGV[2]  JSON list of goal ids
  ARGV[3]  turn
  ARGV[4]  the record's epoch of the shard
  Returns  how many tasks were dropped, or -1 when somebody has come with a later turn, and nothing was done. A task whose children are not all told yet is dropped by settle. ]]

demand_epoch(ARGV[4])
if not take_turn(ARGV[3]) then return -1 end
local ended, children, gone = {}, {}, {}
for _, id in ipairs(cjson.decode(ARGV[1])) do
  if TERMINAL[redis.call('HGET', task_key(id), 'status')] then
    table.insert(ended, task_key(id))
    table.insert(children, T .. ':c:' .. id)
  end
end
local all_told = #ended == 0 or redis.call('EXISTS', unpack(children)) == 0
for i, task in ipairs(ended) do
  if all_told or redis.call('EXISTS', children[i]) == 0 then
    table.insert(gone, task)
  else
    redis.call('HSET', task, 'recorded', 1)
  end
end
if #gone > 0 then redis.call('DEL', unpack(gone)) end
for _, goal in ipairs(cjson.decode(ARGV[2])) do
  redis.call('DEL', T .. ':g:' .. goal, T .. ':s:' .. goal)
end
return #gone
