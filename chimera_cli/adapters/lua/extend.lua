--[[ Prolong leases.
  ARGV[1]  stage
  ARGV[2]  length of the lease [ms]
  ARGV[3]  JSON list of [task id, generation, agent]
  Returns  the positions (from 1) of those that no longer hold. ]]

local stage, lost = ARGV[1], {}
local ends = now_ms() + tonumber(ARGV[2])
-- By a clock that stands still they are prolonged for less than it will seem: none is taken back before they are prolonged once more.
if doubtful then spare(ARGV[2]) end
for i, pair in ipairs(cjson.decode(ARGV[3])) do
  local task = redis.call('HMGET', task_key(pair[1]), 'gen', 'agent', 'goal')
  local held = redis.call('ZSCORE', T .. ':' .. stage .. ':lease', pair[1])
  if held and tonumber(task[1] or '-1') == pair[2] and task[2] == pair[3] and not paused(task[3] or '') then
    redis.call('ZADD', T .. ':' .. stage .. ':lease', 'XX', ends, pair[1])
  else
    table.insert(lost, i)
  end
end
return lost
