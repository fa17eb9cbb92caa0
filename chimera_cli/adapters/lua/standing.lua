--[[ Tell how far Redis is with tasks.
  ARGV[1]  JSON list of task ids
  Returns  the number of status changes of each; -1 for one that is unknown. ]]

local found = {}
for i, id in ipairs(cjson.decode(ARGV[1])) do
  found[i] = tonumber(redis.call('HGET', task_key(id), 'version') or '-1')
end
return found
