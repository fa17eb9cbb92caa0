--[[ Queue what was delayed and is due, unpark what was parked long enough, and move what the older release had wait in streams into
     the lanes of this one. Processes of the older release may put more there as long as they run.
  ARGV[1]  at most how many a stage
  ARGV[2]  at most how many of the older release's a stage
  Returns  how many. ]]

local STAGES = {'work', 'judge'}
local promoted = 0

local function enter_from(stream, stage, entry)
  redis.call('XDEL', stream, entry[1])
  local id = entry[2] and entry[2][2]
  local readable, task = pcall(load, id or '')
  if readable and task and task.entry == entry[1] then enter(task, stage) end
  promoted = promoted + 1
end

local function carry_over(stage, limit)
  for _, lane in ipairs(redis.call('SMEMBERS', T .. ':' .. stage .. ':lanes')) do
    local stream = T .. ':' .. stage .. ':q:' .. lane
    local entries = redis.call('XRANGE', stream, '-', '+', 'COUNT', limit)
    for _, entry in ipairs(entries) do enter_from(stream, stage, entry) end
    close_stream(stage, lane)
    limit = limit - #entries
    if limit <= 0 then return end
  end
end

for _, stage in ipairs(STAGES) do
  local delay, now = T .. ':' .. stage .. ':delay', now_ms()
  redis.call('ZREMRANGEBYSCORE', T .. ':' .. stage .. ':parked', '-inf', now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', delay, '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))) do
    redis.call('ZREM', delay, id)
    local task = load(id)
    if task and stage == 'work' and task.status == 'DELAYED' then
      move_in(task, waiting_status(task), 'task.queued', '')
    elseif task and stage == 'judge' and task.status == 'JUDGING' then
      enter(task, stage)
    end
    promoted = promoted + 1
  end
end
if redis.call('EXISTS', T .. ':work:lanes', T .. ':judge:lanes') > 0 then
  for _, stage in ipairs(STAGES) do carry_over(stage, tonumber(ARGV[2])) end
end
return promoted
