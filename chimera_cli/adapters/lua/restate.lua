--[[ Put values of goals back to their recorded versions, where Redis is behind.
  ARGV[1]  run id that was seen before the comparison
  ARGV[2]  turn
  ARGV[3]  JSON list of [goal id, key, version, value (JSON text)]
  Returns  how many were behind, or -1 when the server, or whoever compares, has changed meanwhile, and nothing was done. ]]

local run, turn, values = unpack(ARGV)
if not unvouched_still(run, turn) then return -1 end
local behind = 0
for _, row in ipairs(cjson.decode(values)) do
  local goal, key, version, value = unpack(row)
  local name = T .. ':s:' .. goal
  if tonumber(redis.call('HGET', name, 'v:' .. key) or '0') < version then
    redis.call('HSET', name, 'v:' .. key, version, 'd:' .. key, value)
    behind = behind + 1
  end
end
return behind
